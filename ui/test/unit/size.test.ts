// What a first visit loads, compressed: the page, its styles and its entry script. The editor, the
// layout of the map and the charts come later, in files of their own.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";

const DIST = resolve(import.meta.dirname, "../../dist");
const FIRST_LOAD_BYTES_MAX = 100 * 1024;

describe.skipIf(!existsSync(join(DIST, "index.html")))("the built pages", () => {
  const html = () => readFileSync(join(DIST, "index.html"), "utf8");

  test("weigh at most 100 KiB at the first visit", () => {
    const named = [...html().matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(
      (match) => match[1],
    );
    expect(named.length).toBeGreaterThanOrEqual(2);
    const files = ["index.html", ...named.map((path) => path.slice(1))];
    const bytes = files
      .map((file) => gzipSync(readFileSync(join(DIST, file))).length)
      .reduce((sum, length) => sum + length, 0);
    process.stdout.write(`    first load: ${(bytes / 1024).toFixed(1)} KiB compressed\n`);
    expect(bytes).toBeLessThanOrEqual(FIRST_LOAD_BYTES_MAX);
  });

  test("ask no other host for anything", () => {
    const scripts = readdirSync(join(DIST, "assets")).map((file) =>
      readFileSync(join(DIST, "assets", file), "utf8"),
    );
    const loaded = [html(), ...scripts].flatMap((text) => [
      ...text.matchAll(/(?:src|href)="https?:\/\/[^"]+"|@import|url\(\s*["']?https?:[^)]+\)/g),
    ]);
    expect(loaded.map((match) => match[0])).toEqual([]);
  });
});
