// What only the fixtures can show: a trace of 10,000 spans, and one with everything wrong.

import assert from "node:assert/strict";
import { openPage, seriousViolations } from "./browser.mjs";

/** Our part of a frame of 16 ms; the rest is the browser's, and on a busy machine the neighbours'. */
const DRAWING_MEDIAN_MAX_MILLIS = 12;

export async function fixtureSteps(browser, base, artefacts, step) {
  const viewport = { width: 1440, height: 900 };
  const { page, complaints } = await openPage(browser, { viewport, colorScheme: "dark" });

  await step("10,000 spans scroll smoothly", async () => {
    await page.goto(`${base}/trace/b16`);
    await page.getByRole("treeitem").first().waitFor();
    assert.match(await page.locator(".facts").textContent(), /Spans10,000/);
    const { drawing, frame } = await page.evaluate(scrollAndMeasure);
    console.log(
      `    median while scrolling: ${drawing.toFixed(1)} ms drawing, ${frame.toFixed(1)} ms a frame`,
    );
    assert.ok(drawing < DRAWING_MEDIAN_MAX_MILLIS, `median of ${drawing} ms drawing`);
    const items = await page.getByRole("treeitem").count();
    assert.ok(items > 5 && items < 80, `${items} rows for screen readers, not all of them`);
    await page.screenshot({ path: `${artefacts}large-dark.png` });
  });

  await step("find, collapse and zoom are in the URL", async () => {
    await page.getByRole("textbox", { name: "Find in trace" }).fill("checksum differs");
    await page.keyboard.press("Enter");
    await page.waitForURL(/find=checksum.*|span=/);
    await page.keyboard.press("Escape");
    await page.getByRole("tree").focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowLeft");
    await page.waitForURL(/collapsed=0{15}1/);
    assert.equal(await page.getByRole("treeitem").count(), 1);
    await page.keyboard.press("+");
    await page.waitForURL(/view=\d+-\d+/);
    await page.reload();
    await page.getByRole("treeitem").first().waitFor();
    assert.equal(await page.getByRole("treeitem").count(), 1, "a link restores what is collapsed");
  });

  await step("dragging over bars zooms", async () => {
    await page.goto(`${base}/trace/b16`);
    const box = await page.getByRole("tree").boundingBox();
    await page.mouse.move(box.x + 700, box.y + 120);
    await page.mouse.down();
    await page.mouse.move(box.x + 900, box.y + 130, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/view=\d+-\d+/);
  });

  await step("an odd trace is shown calmly", async () => {
    await page.goto(`${base}/trace/0dd`);
    await page.getByRole("treeitem").first().waitFor();
    assert.equal(await page.getByRole("treeitem").count(), 10);
    assert.ok((await page.locator(".odd-notice").count()) >= 5);
    assert.equal(await page.locator(".gap-notice").count(), 1);
    await page.screenshot({ path: `${artefacts}odd-dark.png` });
    assert.deepEqual(await seriousViolations(page), []);
  });

  await step("an unknown trace says so in the server's words", async () => {
    await page.goto(`${base}/trace/abcdef`);
    await page.getByText("No span of trace").waitFor();
  });
  assert.deepEqual(
    complaints.filter((line) => !line.includes("404")),
    [],
  );
  await page.context().close();
}

/** Runs in the page: scrolls for 60 frames and gives medians in milliseconds. */
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
  for (let i = 0; i < 60; i++) {
    scroller.scrollTop += 400;
    await new Promise((resolve) => request(resolve));
    frames.push(performance.now() - last);
    last = performance.now();
  }
  window.requestAnimationFrame = request;
  const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  if (drawings.length < 20) throw new Error(`only ${drawings.length} drawings in 60 frames`);
  return { drawing: median(drawings), frame: median(frames) };
}
