// Screenshots against kept ones, with a tolerance: both are looked at from afar, so that another font or
// another edge of a letter is no difference, but a bar, a row or a colour is.

import assert from "node:assert/strict";
import { access, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("./golden/", import.meta.url));
/** One pixel of the coarse picture stands for this many. */
const COARSE = 12;
const CHANNEL_DIFFERENCE_MAX = 36;
const SHARE_MAX = 0.02;

/** `SIGYN_GOLDEN=write` keeps what is seen as the new measure. */
export async function compareWithGolden(page, locator, name) {
  const path = `${FOLDER}${name}.png`;
  const seen = await locator.screenshot({ animations: "disabled" });
  const isKept = await access(path).then(
    () => true,
    () => false,
  );
  if (process.env.SIGYN_GOLDEN === "write") {
    await writeFile(path, seen);
    return;
  }
  assert.ok(isKept, `no picture is kept for ${name}; SIGYN_GOLDEN=write keeps one`);
  const kept = await readFile(path);
  const share = await page.evaluate(differingShare, {
    kept: kept.toString("base64"),
    seen: seen.toString("base64"),
    coarse: COARSE,
    channelMax: CHANNEL_DIFFERENCE_MAX,
  });
  assert.ok(share <= SHARE_MAX, `${name}: ${(share * 100).toFixed(1)} % of the picture differ`);
}

/** Runs in the page: the share of coarse pixels that differ; 1 where the sizes do. */
async function differingShare({ kept, seen, coarse, channelMax }) {
  const pixels = async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const [width, height] = [Math.ceil(image.width / coarse), Math.ceil(image.height / coarse)];
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, width, height);
    return { width, height, data: context.getImageData(0, 0, width, height).data };
  };
  const [a, b] = [await pixels(kept), await pixels(seen)];
  if (Math.abs(a.width - b.width) > 1 || Math.abs(a.height - b.height) > 1) return 1;
  if (a.width !== b.width || a.height !== b.height) return 0.5;
  let differing = 0;
  for (let i = 0; i < a.data.length; i += 4) {
    const most = Math.max(
      ...[0, 1, 2].map((channel) => Math.abs(a.data[i + channel] - b.data[i + channel])),
    );
    if (most > channelMax) differing += 1;
  }
  return differing / (a.data.length / 4);
}
