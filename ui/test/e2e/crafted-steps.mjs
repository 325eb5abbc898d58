// The trace page on traces that a demo never makes: huge, deep, broken, hostile.

import assert from "node:assert/strict";
import { openPage, seriousViolations } from "./browser.mjs";
import { HOSTILE, LARGE_SPANS, TRACE_IDS } from "./crafted-traces.mjs";
import { compareWithGolden } from "./golden.mjs";
import { LOST_TRACE } from "./losing-targets.mjs";

/**
 * From the answer's last byte to the first drawn row. The goal is 1.5 s for all of it; what a debug build of
 * the server and a busy machine take is printed, not judged.
 */
const BUILD_MILLIS_MAX = 10_000;
/** Our part of a frame of 16 ms; the rest is the browser's, and on a busy machine the neighbours'. */
const DRAWING_P50_MILLIS_MAX = 12;

export async function craftedSteps(browser, base, artefacts, step) {
  const viewport = { width: 1280, height: 800 };
  const { page, complaints } = await openPage(browser, { viewport, colorScheme: "light" });
  const open = async (name, query = "") => {
    await page.goto(`${base}/trace/${TRACE_IDS[name]}${query}`);
    await page.locator(".workbench").waitFor();
    await page.waitForTimeout(150);
  };
  const rows = () => page.getByRole("treeitem");
  const notices = () => page.locator(".notices").textContent();

  await step("one span is a whole trace", async () => {
    await open("single");
    assert.equal(await rows().count(), 1);
    assert.match(
      await page.locator(".insights").textContent(),
      /100 %.*Nothing repeats.*Nothing failed/,
    );
    await compareWithGolden(page, page.locator(".workbench"), "single");
  });

  await step("2,000 siblings are one row, that opens", async () => {
    await open("siblings");
    assert.equal(await rows().count(), 2);
    assert.match(
      await rows().nth(1).textContent(),
      /2,000 × SELECT order …, together 3 s, 1 failed/,
    );
    assert.match(await page.locator(".insights").textContent(), /2,000 × SELECT order …/);
    await compareWithGolden(page, page.locator(".workbench"), "siblings");
    await page.keyboard.press("f");
    await page.waitForURL(/fold=0/);
    assert.ok((await rows().count()) > 10);
  });

  await step("500 levels can be walked and collapsed", async () => {
    await open("deep");
    await compareWithGolden(page, page.locator(".workbench"), "deep");
    await page.getByRole("tree").focus();
    await page.keyboard.press("End");
    await page.waitForURL(/span=00000000000001f4/);
    await page.selectOption("select[aria-label=Collapse]", "depth-2");
    await page.waitForURL(/collapse=depth-2/);
    await page.keyboard.press("Home");
    assert.equal(await page.locator("select[aria-label=Collapse]").inputValue(), "depth-2");
    for (const show of ["flame", "lanes", "table", "path"]) await open("deep", `?show=${show}`);
  });

  await step("a missing parent is said, and the orphan is there", async () => {
    await open("orphans");
    assert.match(await notices(), /named a parent that is not here/);
    assert.equal(await rows().count(), 3);
  });

  await step("circles are cut and said", async () => {
    await open("cycle");
    assert.match(await notices(), /circle/);
    assert.equal(await rows().count(), 4);
  });

  await step("clock skew is said, and corrected when asked", async () => {
    await open("skew");
    assert.match(await notices(), /clock of bank.*behind/);
    await compareWithGolden(page, page.locator(".workbench"), "skew");
    await page.getByRole("button", { name: "Correct the clocks" }).click();
    await page.waitForURL(/skew=1/);
    assert.match(await notices(), /Times are moved/);
    await page.goBack();
  });

  await step("spans that a target lost are said, and marked where they may have been", async () => {
    await page.goto(`${base}/trace/${LOST_TRACE}`);
    await page.locator(".workbench").waitFor();
    assert.match(await notices(), /payment-2 lost [\d,]+ spans .*Spans of this trace may be among/);
    await page.waitForTimeout(150);
    await compareWithGolden(page, page.locator(".workbench"), "lost");
  });

  await step("times that cannot be are said, and stretch nothing", async () => {
    await open("times");
    assert.match(await notices(), /ends before it starts.*in the future/s);
    assert.match(await page.locator("h1").textContent(), /180 ms/);
    await open("timeless");
    assert.match(await notices(), /3 spans came without a start time/);
    assert.match(await page.locator("h1").textContent(), /no time/);
    assert.ok(!(await page.locator(".trace-header").textContent()).includes("1970"));
  });

  await step(
    "where the time went of what a queue held is said, and that nothing ran meanwhile",
    async () => {
      await open("queue");
      const insights = await page.locator(".insights").textContent();
      assert.match(insights, /65 %worker\s*render pdf/);
      assert.match(insights, /30 %\s*nothing ran/);
      await page.getByRole("button", { name: "critical path", exact: true }).click();
      await page.waitForURL(/show=path/);
      assert.match(await page.locator(".table-lead").textContent(), /2\.9 s/);
      assert.deepEqual(await seriousViolations(page), []);
    },
  );

  await step("a clock that is days off leaves start, ruler and length as they were", async () => {
    await open("days");
    assert.match(await page.locator("h1").textContent(), /900 ms/);
    assert.match(await page.locator(".facts").textContent(), /Started.*(s|min) ago/);
    assert.match(await notices(), /clock of sensor.*3d 00h behind/);
    await compareWithGolden(page, page.locator(".workbench"), "days");
  });

  await step("a loop of calls is the first that repeats, and why one failed is said", async () => {
    await open("loop");
    const repeats = page.locator(".insight").nth(1);
    assert.match(
      await repeats.locator("li").first().textContent(),
      /^900 × SELECT product1 failed/,
    );
    assert.match(await page.locator(".insight").nth(2).textContent(), /SELECT productit broke/);
  });

  await step("Zipkin's shared IDs put the callee below the caller", async () => {
    await open("shared");
    const levels = await rows().evaluateAll((items) =>
      items.map((item) => `${item.getAttribute("aria-level")} ${item.textContent.split(",")[0]}`),
    );
    assert.deepEqual(levels, ["1 shop: root", "2 shop: call", "3 bank: serve", "4 bank: query"]);
  });

  await step("huge attributes do not break the detail", async () => {
    await open("huge");
    await rows().first().waitFor({ state: "attached" });
    await page.getByRole("tree").focus();
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "Span detail" }).waitFor();
    assert.ok((await page.locator("table.attributes tr").count()) > 100);
  });

  await step("hostile strings stay strings", async () => {
    await open("hostile");
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.ok((await page.locator("h1").textContent()).includes(HOSTILE.slice(0, 20)));
    assert.equal(await page.locator("img").count(), 0);
    assert.deepEqual(await seriousViolations(page), []);
  });

  await step("200 services are a map that can be read, and one of them is found", async () => {
    await page.goto(`${base}/services?show=map`);
    await page.locator("svg .node").nth(199).waitFor();
    await page.screenshot({ path: `${artefacts}map-200-light.png` });
    await page.selectOption("select[aria-label='Service in focus']", "media-3-25");
    await page.getByRole("button", { name: "Neighbours" }).click();
    await page.waitForURL(/near=1/);
    const shown = await page.locator("svg .node").count();
    assert.ok(shown > 1 && shown < 20, `${shown} neighbours`);
    assert.deepEqual(await seriousViolations(page), []);
  });

  await step("a bad day: what is slow, what repeats and what failed is said at once", async () => {
    await open("messy");
    assert.match(await notices(), /clock of bank.*came without a start time/s);
    const insights = await page.locator(".insights").textContent();
    assert.match(insights, /420 × SELECT item/);
    assert.match(insights, /charge card/);
    // The clock that is 40 s ahead does not squeeze the rest.
    assert.match(await page.locator("h1").textContent(), /2.4 s/);
    assert.match(await page.locator(".trace-header").textContent(), /As stamped42.4 s/);
    await page.screenshot({ path: `${artefacts}messy-light.png` });
    await compareWithGolden(page, page.locator(".workbench"), "messy");
    await page.emulateMedia({ colorScheme: "dark" });
    await page.waitForTimeout(150);
    assert.ok((await canvasLightness(page)) < 0.3, "the waterfall follows the theme at once");
    await compareWithGolden(page, page.locator(".workbench"), "messy-dark");
    assert.deepEqual(await seriousViolations(page), []);
    await page.emulateMedia({ colorScheme: "light" });
    await page.getByRole("button", { name: "Correct the clocks" }).click();
    await page.waitForURL(/skew=1/);
    assert.deepEqual(await seriousViolations(page), []);
  });

  await step(`${LARGE_SPANS} spans open and scroll`, async () => {
    const began = Date.now();
    await page.goto(`${base}/trace/${TRACE_IDS.large}`);
    await rows().first().waitFor({ state: "attached", timeout: 90_000 });
    const openMillis = Date.now() - began;
    const marks = await page.evaluate(() => {
      const [entry] = performance
        .getEntriesByType("resource")
        .filter(({ name }) => name.includes("/api/sigyn/v1/traces/"));
      return { server: entry.responseEnd - entry.startTime, end: entry.responseEnd };
    });
    await page.keyboard.press("f");
    await page.waitForTimeout(300);
    const frames = await page.evaluate(scrollAndMeasure);
    console.log(
      `    opened in ${openMillis} ms (server and transfer ${Math.round(marks.server)} ms); ` +
        `drawing p50 ${frames.drawing.p50.toFixed(1)} ms p99 ${frames.drawing.p99.toFixed(1)} ms, ` +
        `frame p50 ${frames.frame.p50.toFixed(1)} ms p99 ${frames.frame.p99.toFixed(1)} ms`,
    );
    const buildMillis = openMillis - marks.end;
    assert.ok(buildMillis < BUILD_MILLIS_MAX, `${buildMillis} ms to build and draw`);
    assert.ok(frames.drawing.p50 < DRAWING_P50_MILLIS_MAX, `${frames.drawing.p50} ms drawing`);
    assert.ok((await rows().count()) < 80, "only the rows in sight are in the tree");
    await page.screenshot({ path: `${artefacts}large-light.png` });
  });

  assert.deepEqual(complaints, []);
  await page.context().close();
}

/** How light the last pixel of the waterfall is, 0 to 1. */
function canvasLightness(page) {
  return page.evaluate(() => {
    const canvas = document.querySelector(".waterfall canvas");
    const { data } = canvas
      .getContext("2d")
      .getImageData(canvas.width - 2, canvas.height - 2, 1, 1);
    return (data[0] + data[1] + data[2]) / 765;
  });
}

/** Runs in the page: scrolls for 90 frames and gives percentiles in milliseconds. */
async function scrollAndMeasure() {
  const scroller = document.querySelector(".waterfall-scroller");
  const request = window.requestAnimationFrame.bind(window);
  const drawings = [];
  const frames = [];
  window.requestAnimationFrame = (draw) =>
    request((time) => {
      const began = performance.now();
      draw(time);
      drawings.push(performance.now() - began);
    });
  let last = performance.now();
  for (let i = 0; i < 90; i++) {
    scroller.scrollTop += 400;
    await new Promise((resolve) => request(resolve));
    frames.push(performance.now() - last);
    last = performance.now();
  }
  window.requestAnimationFrame = request;
  const percentiles = (values) => {
    const sorted = values.sort((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    return { p50: at(0.5), p99: at(0.99) };
  };
  if (drawings.length < 30) throw new Error(`only ${drawings.length} drawings in 90 frames`);
  return { drawing: percentiles(drawings), frame: percentiles(frames) };
}
