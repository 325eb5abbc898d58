// Drives the pages as a person would: searches, opens a trace, reads a span, looks at the targets.
// SIGYN_URL names a running Sigyn (or `sigyn demo`); SIGYN_CRAFTED_URL one that holds crafted-traces.mjs.
// Screenshots land in test/artefacts/.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { launch, openPage, seriousViolations } from "./browser.mjs";
import { craftedSteps } from "./crafted-steps.mjs";
import { exemplarSteps } from "./exemplar-steps.mjs";
import { notebookSteps } from "./notebook-steps.mjs";
import { outageSteps } from "./outage-steps.mjs";
import { readerSteps } from "./reader-steps.mjs";
import { slowestSteps } from "./slowest-steps.mjs";

const ARTEFACTS = fileURLToPath(new URL("../artefacts/", import.meta.url));
/** `sigyn demo` promises its first traces within this time. */
const FIRST_TRACE_MILLIS = 30_000;
const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1440, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1440, height: 900 } },
  { name: "narrow", colorScheme: "light", viewport: { width: 420, height: 860 } },
];

await mkdir(ARTEFACTS, { recursive: true });
const base = (process.env.SIGYN_URL ?? "http://127.0.0.1:7449").replace(/\/$/, "");
const browser = await launch();
let failed = false;
try {
  // At once, because most of the time is waiting for pages and for axe.
  await Promise.all(LOOKS.map(walk));
  await notebookSteps(browser, base, ARTEFACTS, step);
  await slowestSteps(browser, base, step);
  await exemplarSteps(browser, base, ARTEFACTS, step);
  await readerSteps(browser, base, step);
  await outageSteps(browser, base, step);
  if (process.env.SIGYN_CRAFTED_URL) {
    await craftedSteps(browser, process.env.SIGYN_CRAFTED_URL, ARTEFACTS, step);
  }
} catch (error) {
  failed = true;
  console.error(error);
} finally {
  await browser.close();
}
process.exitCode = failed ? 1 : 0;

async function step(name, run) {
  const began = Date.now();
  await run();
  console.log(`ok  ${name} (${Date.now() - began} ms)`);
}

async function walk({ name, ...options }) {
  const { page, complaints } = await openPage(browser, options);
  const check = async (shot) => {
    await page.screenshot({ path: `${ARTEFACTS}${shot}-${name}.png` });
    assert.deepEqual(await seriousViolations(page), [], `axe on ${shot} (${name})`);
    assert.deepEqual(complaints, [], `complaints on ${shot} (${name})`);
  };

  await step(`${name}: search lists traces`, async () => {
    await page.goto(`${base}/`);
    await waitForTraces(page);
    await page.waitForTimeout(200);
    await check("search");
  });

  await step(`${name}: the form writes TraceQL, and the query the form`, async () => {
    await openFilters(page);
    const service = await page
      .locator("#service option")
      .nth(1)
      .evaluate((option) => option.value);
    await page.selectOption("#service", service);
    await page.waitForURL(/q=/);
    await page.locator(".cm-content").waitFor();
    const query = await page.locator(".cm-content").textContent();
    assert.equal(query, `{ resource.service.name = "${service}" }`);
    await page.locator("a.result").first().waitFor();
    await writeQuery(page, `{ resource.service.name = "${service}" && duration >= 1us }`);
    await page.waitForURL(/duration/);
    await openFilters(page);
    assert.equal(await page.inputValue("#duration-min"), "1us");
    await page.locator("a.result").first().waitFor();
  });

  await step(`${name}: a bad query shows the server's words`, async () => {
    await writeQuery(page, "{ no end");
    const sentence = await page.locator(".failure-sentence").textContent();
    assert.ok(sentence.trim().length > 5, sentence);
    await page.locator(".cm-fault").waitFor();
    // A refused query is logged by the browser itself; that is no fault of the page. Several requests ask it, and once the page
    // is left none of them can be refused any more.
    await page.goto("about:blank");
    complaints.length = 0;
  });

  await step(`${name}: a trace opens with its spans and their detail`, async () => {
    await page.goto(`${base}/search`);
    await waitForTraces(page);
    await page.locator("a.result").first().click();
    await page.waitForURL(/\/trace\/[0-9a-f]{32}/);
    await page.getByRole("treeitem").first().waitFor();
    await page.waitForTimeout(200);
    await check("trace");
    await page.getByRole("tree").focus();
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "Span detail" }).waitFor();
    await page.waitForURL(/span=[0-9a-f]{16}/);
    assert.ok((await page.locator("table.attributes tr").count()) > 0, "attributes are shown");
    await page.waitForTimeout(200);
    await check("detail");
    const url = page.url();
    await page.goto(url);
    await page.getByRole("complementary", { name: "Span detail" }).waitFor();
  });

  await step(`${name}: targets are listed`, async () => {
    await page.getByRole("navigation").getByRole("link", { name: "Targets" }).click();
    await page.locator("tr.target").first().waitFor();
    await check("targets");
  });

  for (const [path, shot] of [
    ["/service-discovery", "discovery"],
    ["/services", "services"],
    ["/services?show=map", "map"],
    ["/search?sort=slowest", "slowest"],
    [
      `/compare?a=${encodeURIComponent("{ status = error }")}&b=${encodeURIComponent("{ status != error }")}`,
      "compare",
    ],
    ["/exemplars", "exemplars"],
    ["/notebooks", "notebooks"],
    ["/status", "status"],
    ["/no/such/page", "not-found"],
  ]) {
    await step(`${name}: ${path}`, async () => {
      await page.goto(`${base}${path}`);
      await page.locator("h1, h2").first().waitFor();
      await page.waitForTimeout(300);
      await page.waitForFunction(() => document.querySelector("main .drip:not(.small)") === null);
      // A server may answer 404 with the page for an unknown path, which the browser logs.
      if (shot === "not-found") complaints.length = 0;
      await check(shot);
    });
  }
  await page.context().close();
}

/** Writes into the query editor and runs it. */
async function writeQuery(page, query) {
  const editor = page.locator(".cm-content");
  await editor.waitFor();
  await editor.fill(query);
  // The list of completions would take the Enter.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Enter");
}

async function openFilters(page) {
  const panel = page.locator("details.form-panel");
  if (!(await panel.evaluate((element) => element.open))) await panel.locator("summary").click();
}

/** A demo that just began has no trace yet: ask again until it has. */
async function waitForTraces(page) {
  const deadline = Date.now() + FIRST_TRACE_MILLIS;
  for (;;) {
    await page.locator("a.result, .state h2, .failure").first().waitFor();
    if ((await page.locator("a.result").count()) > 0) return;
    assert.ok(Date.now() < deadline, "no trace within 30 s");
    await page.waitForTimeout(500);
    await page.getByRole("button", { name: "Search", exact: true }).click();
  }
}
