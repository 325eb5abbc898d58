// The slowest traces of the whole range: a list that goes on, in order and without repeats.

import assert from "node:assert/strict";
import { openPage } from "./browser.mjs";

const PAGE = 20;
const ROWS_WANTED = 3 * PAGE;

export async function slowestSteps(browser, base, step) {
  const viewport = { width: 1280, height: 900 };
  const { page, complaints } = await openPage(browser, { viewport, colorScheme: "light" });
  const found = [];
  page.on("response", async (response) => {
    if (!response.url().includes("/api/sigyn/v1/search?")) return;
    found.push(...(await response.json()).traces);
  });

  await step("the slowest traces go on page after page", async () => {
    await page.goto(`${base}/search?sort=slowest&limit=${PAGE}`);
    const rows = page.locator("a.result");
    await rows.first().waitFor();
    await page.mouse.move(800, 600);
    while ((await rows.count()) < ROWS_WANTED) {
      const before = await rows.count();
      await page.mouse.wheel(0, 20_000);
      await rows.nth(before).waitFor();
    }
    const durations = found.map((trace) => trace.durationNanos);
    assert.deepEqual(
      durations,
      durations.toSorted((a, b) => b - a),
    );
    const links = await rows.evaluateAll((all) => all.map((one) => one.pathname));
    const listed = new Set(links);
    // A trace that began just now and has no root yet is not listed.
    const expected = found
      .map((trace) => `/trace/${trace.traceId}`)
      .filter((one) => listed.has(one));
    assert.deepEqual(links, expected);
    assert.equal(new Set(links).size, links.length);
    // Each page was asked for once.
    assert.ok(found.length < links.length + 2 * PAGE, `${found.length} of ${links.length}`);
  });

  assert.deepEqual(complaints, []);
  await page.context().close();
}
