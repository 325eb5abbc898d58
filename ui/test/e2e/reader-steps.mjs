// Without a pointer, without eyes, without motion, and from near: a run by key from the search to a span and back, what a
// screen reader is told, and pages at twice the size.

import assert from "node:assert/strict";
import { openPage } from "./browser.mjs";

/** Roles that a person can do something with; each must have a name. */
const INTERACTIVE = new Set(
  "button link textbox searchbox combobox checkbox radio switch slider tab tree treeitem".split(
    " ",
  ),
);
const PAGES = [
  "/search",
  "/services",
  "/services?show=map",
  "/compare?a=%7B+status+%3D+error+%7D&b=%7B+status+!%3D+error+%7D",
  "/targets",
  "/service-discovery",
  "/exemplars",
  "/notebooks/new",
  "/status",
  "/no/such/page",
];

export async function readerSteps(browser, base, step) {
  const viewport = { width: 1280, height: 800 };
  const reducedMotion = "reduce";
  const { page, complaints } = await openPage(browser, { viewport, reducedMotion });
  const focused = () =>
    page.evaluate(() => ({
      id: document.activeElement?.id ?? "",
      role: document.activeElement?.getAttribute("role") ?? "",
      text: document.activeElement?.textContent?.slice(0, 80) ?? "",
    }));

  await step("by key alone: search, trace, span, and back", async () => {
    await page.goto(`${base}/search`);
    await page.locator("a.result").nth(2).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    const row = (await focused()).id;
    assert.match(row, /^result-\d+$/);
    const href = await page.locator(`#${row}`).getAttribute("href");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/trace\//);
    await page.getByRole("tree").waitFor();
    assert.equal((await focused()).id, "main", "the new page's content has the focus");
    for (let presses = 0; (await focused()).role !== "tree"; presses++) {
      assert.ok(presses < 60, "the tree is reached by Tab");
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    const active = await page.getByRole("tree").getAttribute("aria-activedescendant");
    const item = page.locator(`#${active}`);
    assert.equal(await item.getAttribute("aria-selected"), "true");
    assert.match(await item.textContent(), /^\S.*: \S.*, .*\d.* (ns|µs|ms|s)/);
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "Span detail" }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "Span detail" }).waitFor({ state: "detached" });
    assert.equal((await focused()).role, "tree", "who closes the detail is back at the spans");
    await page.goBack();
    await page.locator("a.result").first().waitFor();
    await page.waitForFunction(() => document.activeElement?.id.startsWith("result-"));
    assert.equal(await page.locator(":focus").getAttribute("href"), href);
  });

  await step(
    "each thing that can be used has a name, and nothing moves that should not",
    async () => {
      const session = await page.context().newCDPSession(page);
      for (const path of PAGES) {
        await page.goto(`${base}${path}`);
        // While it loads, too.
        for (let looks = 0; looks < 4; looks++) {
          const moving = await page.evaluate(() => document.getAnimations().length);
          assert.equal(moving, 0, `${path}: animations for who asked for none`);
          await page.waitForTimeout(100);
        }
        await page.waitForFunction(() => document.querySelector("main .drip") === null);
        await page.locator("h1").first().waitFor({ state: "attached" });
        const { nodes } = await session.send("Accessibility.getFullAXTree");
        const nameless = nodes
          .filter((node) => !node.ignored && INTERACTIVE.has(node.role?.value))
          .filter((node) => !node.name?.value?.trim());
        assert.deepEqual(
          nameless.map((node) => node.role.value),
          [],
          path,
        );
      }
    },
  );

  await step("an empty bowl fills by itself", async () => {
    const empty = { contentType: "application/json", body: '{"traces":[]}' };
    const searches = "**/api/sigyn/v1/search?*";
    await page.route(searches, (route) => route.fulfill(empty));
    await page.goto(`${base}/search`);
    await page.locator(".state h2").waitFor();
    await page.unroute(searches);
    await page.locator("a.result").first().waitFor();
  });

  await step("at twice the size nothing hangs over the edge", async () => {
    await page.setViewportSize({ width: 640, height: 400 });
    const trace = await firstTrace(page, base);
    for (const path of [...PAGES, trace]) {
      await page.goto(`${base}${path}`);
      await page.locator("h1").first().waitFor({ state: "attached" });
      await page.waitForFunction(() => document.querySelector("main .drip") === null);
      await page.waitForTimeout(200);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `${path} is ${over} pixels too wide`);
    }
  });
  assert.deepEqual(
    complaints.filter((line) => !line.includes("404")),
    [],
  );
  await page.context().close();
}

async function firstTrace(page, base) {
  await page.goto(`${base}/search`);
  await page.locator("a.result").first().waitFor();
  return page.locator("a.result").first().getAttribute("href");
}
