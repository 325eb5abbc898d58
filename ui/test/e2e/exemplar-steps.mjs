// From a metric to a trace and back: the page of exemplars, and what the detail of a span says of them.

import assert from "node:assert/strict";
import { openPage, seriousViolations } from "./browser.mjs";

export async function exemplarSteps(browser, base, artefacts, step) {
  const viewport = { width: 1280, height: 900 };
  const { page, complaints } = await openPage(browser, { viewport, colorScheme: "light" });

  await step("exemplars of a metric are dots that open traces", async () => {
    await page.goto(`${base}/exemplars`);
    const picker = page.getByRole("combobox", { name: "Metric" });
    await picker.locator("option").nth(1).waitFor({ state: "attached" });
    await picker.selectOption({ index: 1 });
    await page.waitForURL(/q=/);
    // The newest of another question are gone before those of this one are here.
    await page.locator(".common-labels strong").waitFor();
    await page.getByText(/% lead to a trace/).waitFor();
    await page.locator("table.exemplars tbody tr").first().waitFor();
    await page.locator(".plot canvas").waitFor();
    // A value that is a duration is written as one.
    const value = await page.locator("table.exemplars td.right").first().textContent();
    assert.match(value, /(µs|ms| s)$/);
  });

  await step("a field of the map lists what it holds", async () => {
    const canvas = page.locator(".plot canvas");
    const box = await canvas.boundingBox();
    const listed = page.getByText(/Exemplars from .* to .*, between/);
    const isListed = () =>
      listed.waitFor({ timeout: 300 }).then(
        () => true,
        () => false,
      );
    // Full fields mostly lie in the middle of the newest columns; but a field may be empty, and a dot, which opens its trace, may
    // lie on one.
    const places = [0.97, 0.93, 0.88, 0.8].flatMap((x) =>
      [0.5, 0.45, 0.55, 0.4, 0.6, 0.35].map((y) => [x, y]),
    );
    for (const [x, y] of places) {
      await page.mouse.click(box.x + box.width * x, box.y + box.height * y);
      if (await isListed()) break;
      if (!page.url().includes("/exemplars")) {
        await page.goBack();
        await canvas.waitFor();
      }
    }
    await listed.waitFor();
    await page.locator("table.exemplars tbody tr").first().waitFor();
    await page.getByRole("button", { name: "Show the newest" }).click();
    await page.getByText(/The newest \d+ of/).waitFor();
  });

  await step("series link to Prometheus by a template", async () => {
    await page.getByRole("button", { name: /Link series/ }).click();
    await page.getByRole("button", { name: "Prometheus", exact: true }).click();
    await page.getByRole("button", { name: "Keep" }).click();
    const href = await page.locator("table.exemplars a.small-button").first().getAttribute("href");
    const query = new URL(href).searchParams.get("g0.expr");
    assert.match(query, /^histogram_quantile\(0\.99, sum by \(le\) \(rate\(\w+_bucket\{/);
    assert.deepEqual(await seriousViolations(page), []);
    await page.screenshot({ path: `${artefacts}exemplar-links.png` });
  });

  await step("a span lists its series, and draws its operation's latency", async () => {
    await page.locator("table.exemplars td.mono a").first().click();
    const detail = page.getByRole("complementary", { name: "Span detail" });
    await detail.locator(".detail-exemplar").first().waitFor();
    assert.ok((await detail.locator(".detail-exemplar a", { hasText: "Prometheus" }).count()) > 0);
    await detail.getByText("This operation's latency").click();
    await detail.locator(".operation-latency canvas").waitFor();
    await detail.getByText(/spans? of this operation in the quarter hours/).waitFor();
    await page.screenshot({ path: `${artefacts}span-exemplars.png` });
    assert.deepEqual(await seriousViolations(page), []);
    await detail.locator(".detail-exemplar a", { hasText: "Exemplars" }).first().click();
    await page.waitForURL(/\/exemplars\?/);
    await page.locator("table.exemplars tbody tr").first().waitFor();
  });

  assert.deepEqual(complaints, []);
  await page.context().close();
}
