// The server goes away under each page and comes back: that is said, nothing spins on, what was there stays, and the
// page mends itself. The browser is cut off from the network, which is what a stopped server looks like to it.

import assert from "node:assert/strict";
import { openPage } from "./browser.mjs";

/** Longer than a page waits until it asks again. */
const MENDED_MILLIS_MAX = 15_000;

/** Address, what shows that the page has its data, and what makes it ask again while the server is away. */
const widen = async (page) =>
  page.getByRole("combobox", { name: "Time range" }).first().selectOption("15m");
const PAGES = [
  [
    "/search",
    "a.result",
    (page) => page.getByRole("button", { name: "Search", exact: true }).click(),
  ],
  ["/search?sort=slowest", "a.result", widen],
  ["/services", ".service-table tbody tr", widen],
  ["/services?show=map", "svg .node", widen],
  ["/compare?a=%7B+status+%3D+error+%7D&b=%7B+status+!%3D+error+%7D", ".contrast", widen],
  ["/exemplars", "table.exemplars tbody tr", widen],
  // These ask by themselves.
  ["/targets", "tr.target", null],
  ["/service-discovery", "table.discovery tbody tr", null],
];
/** Pages that ask once, when they are opened: opened while the server is away. */
const OPENED = [
  ["Status", ".status-list dd"],
  ["Notebooks", "main h2, main table"],
  ["Compare", "main h2"],
];

export async function outageSteps(browser, base, step) {
  // At once, because most of the time is waiting.
  await Promise.all(PAGES.map((one) => awayUnder(browser, base, step, one)));
  const { page, complaints } = await openPage(browser, { viewport: { width: 1280, height: 800 } });
  await step("pages are opened while the server is away", async () => {
    await page.goto(`${base}/search`);
    await page.locator("a.result").first().waitFor();
    const trace = await page.locator("a.result").first().getAttribute("href");
    await otherPagesCame(page);
    for (const [name, found] of OPENED) {
      await cutOff(page, async () => {
        await page.getByRole("navigation").getByRole("link", { name }).click();
        await page.locator(".failure, .state h2").first().waitFor();
        await page.waitForFunction(nothingSpins);
      });
      await mended(page, found);
    }
    await page.goto(`${base}/search`);
    await page.locator("a.result").first().waitFor();
    await otherPagesCame(page);
    await cutOff(page, async () => {
      await page.evaluate((href) => {
        history.pushState(null, "", href);
        dispatchEvent(new PopStateEvent("popstate"));
      }, trace);
      await page.locator(".failure").first().waitFor();
      await page.waitForFunction(nothingSpins);
    });
    await mended(page, "[role=treeitem]", "attached");
    assert.deepEqual(ownComplaints(complaints), []);
  });
  await page.context().close();
  await step("a page whose file did not come comes when the server is back", async () => {
    // Of another browser session: this one has the files of all pages in its cache.
    const { page } = await openPage(browser, { viewport: { width: 1280, height: 800 } });
    await page.goto(`${base}/status`);
    await page.locator(".status-list dd").first().waitFor();
    // Before the files of the other pages were fetched.
    await cutOff(page, async () => {
      await page.getByRole("navigation").getByRole("link", { name: "Compare" }).click();
      await page.locator(".failure").first().waitFor();
      await page.waitForFunction(nothingSpins);
    });
    await mended(page, "main h2");
    assert.match(page.url(), /\/compare$/);
    await page.context().close();
  });
}

async function awayUnder(browser, base, step, [path, found, ask]) {
  const { page, complaints } = await openPage(browser, { viewport: { width: 1280, height: 800 } });
  await step(`the server goes away under ${path.split("&")[0]}`, async () => {
    await page.goto(`${base}${path}`);
    await page.locator(found).first().waitFor();
    await cutOff(page, async () => {
      await ask?.(page);
      await page.locator(".failure").first().waitFor();
      // What still spins after the failure was said would spin for ever.
      await page.waitForFunction(nothingSpins);
    });
    await mended(page, found);
    assert.deepEqual(ownComplaints(complaints), []);
  });
  await page.context().close();
}

/** The files of the other pages come some seconds later, the last of them the notebook's. */
async function otherPagesCame(page) {
  await page.waitForFunction(() =>
    performance.getEntriesByType("resource").some(({ name }) => name.includes("/notebook-page-")),
  );
}

async function cutOff(page, run) {
  await page.context().setOffline(true);
  try {
    await run();
  } finally {
    await page.context().setOffline(false);
  }
}

/** Without anybody's doing. */
async function mended(page, found, state = "visible") {
  const timeout = MENDED_MILLIS_MAX;
  await page.locator(".failure").first().waitFor({ state: "detached", timeout });
  await page.locator(found).first().waitFor({ state, timeout });
  await page.waitForFunction(nothingSpins, null, { timeout });
}

/** Runs in the page. */
function nothingSpins() {
  return document.querySelector("main .drip") === null;
}

/** The browser logs each request that failed; the pages may add nothing to that. */
function ownComplaints(complaints) {
  return complaints.filter((line) => !line.includes("net::ERR_INTERNET_DISCONNECTED"));
}
