// A notebook as two people use it: written, kept, opened by its link, changed by both, handed on to Jupyter.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { openPage, seriousViolations } from "./browser.mjs";

const HOSTILE = "**bold** <img src=x onerror=window.hacked=1> [x](javascript:window.hacked=1)";

export async function notebookSteps(browser, base, artefacts, step) {
  const viewport = { width: 1280, height: 1000 };
  const { page, complaints } = await openPage(browser, { viewport, colorScheme: "light" });
  const title = `Slow orders ${Date.now()}`;
  const saved = (text) => page.locator(".notebook-state", { hasText: text }).waitFor();
  const add = (name) => page.locator(".cell-adder").getByRole("button", { name }).click();

  await step("a notebook is written and kept", async () => {
    await page.goto(`${base}/notebooks`);
    await page.getByRole("link", { name: "New notebook" }).click();
    await page.getByRole("textbox", { name: "Title of the notebook" }).fill(title);
    await page.getByRole("textbox", { name: "Text in Markdown" }).fill(HOSTILE);
    await add("Chart");
    await add("Traces");
    await add("Table of spans");
    await page.locator(".chart canvas").waitFor();
    await page.locator(".cell-table").nth(1).waitFor();
    await page.keyboard.press("Control+s");
    await saved("version 1");
    await page.waitForURL(/\/notebooks\/[0-9a-f]{16}$/);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.equal(await page.locator(".prose img, .prose a").count(), 0);
    assert.equal(await page.locator(".prose strong").textContent(), "bold");
    await page.screenshot({ path: `${artefacts}notebook-light.png`, fullPage: true });
    assert.deepEqual(await seriousViolations(page), []);
  });

  const link = page.url();
  await step("its link shows the same to another person, whose change is not lost", async () => {
    const other = await openPage(browser, { viewport, colorScheme: "dark" });
    await other.page.goto(link);
    await other.page.locator(".chart canvas").waitFor();
    assert.equal(await other.page.locator(".cell").count(), 4);
    await other.page.screenshot({ path: `${artefacts}notebook-dark.png`, fullPage: true });
    await other.page.getByRole("textbox", { name: "Title" }).fill(`${title}, theirs`);
    await other.page.getByRole("button", { name: "Save", exact: true }).click();
    await other.page.locator(".notebook-state", { hasText: "version 2" }).waitFor();
    assert.deepEqual(other.complaints, []);
    await other.page.context().close();

    await page.getByRole("textbox", { name: "Title" }).fill(`${title}, mine`);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("somebody else saved").waitFor();
    await page.getByRole("button", { name: "Save mine as a copy" }).click();
    await saved("version 1");
    await page.waitForURL((url) => url.href !== link);
    // The browser logs the refused save itself.
    const own = complaints.filter((line) => !line.includes("409"));
    assert.deepEqual(own, []);
    complaints.length = 0;
  });

  await step("Jupyter gets the same questions", async () => {
    await page.getByRole("button", { name: "Share" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("menuitem", { name: /Jupyter/ }).click(),
    ]);
    assert.match(download.suggestedFilename(), /\.ipynb$/);
    const { cells, nbformat } = JSON.parse(await readFile(await download.path(), "utf8"));
    assert.equal(nbformat, 4);
    assert.equal(cells.length, 6);
    assert.ok(cells[1].source.join("").includes(`SIGYN = "${base}"`));
  });

  await step("a save while the server is away is said, and done when it is back", async () => {
    await page.context().setOffline(true);
    await page.getByRole("textbox", { name: "Title" }).fill(`${title}, later`);
    await page.keyboard.press("Control+s");
    await page.getByText("does not answer").first().waitFor();
    await page.getByRole("button", { name: "Ask everything anew" }).click();
    await page.getByText("No answer").first().waitFor();
    assert.equal(await page.locator("main .drip").count(), 0, "nothing spins");
    await page.context().setOffline(false);
    await page.keyboard.press("Control+s");
    await saved("version 2");
    await page.getByRole("button", { name: "Ask everything anew" }).click();
    await page.getByText("No answer").first().waitFor({ state: "detached" });
    const own = complaints.filter((line) => !line.includes("net::ERR_INTERNET_DISCONNECTED"));
    assert.deepEqual(own, []);
    complaints.length = 0;
  });

  await step("a notebook is deleted, and its address says so", async () => {
    page.on("dialog", (dialog) => dialog.accept());
    const gone = page.url();
    await page.getByRole("button", { name: "Share" }).click();
    await page.getByRole("menuitem", { name: /Delete/ }).click();
    await page.waitForURL(/\/notebooks$/);
    await page.getByRole("link", { name: `${title}, theirs` }).waitFor();
    await page.goto(gone);
    await page.getByText("No notebook has this address").waitFor();
  });
  await page.context().close();
}
