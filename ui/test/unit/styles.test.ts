// A page that is opened first has its own style sheets and the shell's, and not those that other pages bring: each class
// that it names must be styled by one of them, if it is styled at all.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const SOURCE = resolve(import.meta.dirname, "../../src");
const read = (path: string) => readFileSync(join(SOURCE, path), "utf8");

/** Files that a file loads at once; with `isLazyToo` also those that it loads when it wants them. */
function importsOf(path: string, isLazyToo: boolean): readonly string[] {
  if (path.endsWith(".css")) return [];
  const pattern = isLazyToo
    ? /\bfrom\s+"(\.[^"]+)"|\bimport\s*\(?\s*"(\.[^"]+)"/g
    : /\bfrom\s+"(\.[^"]+)"|\bimport\s+"(\.[^"]+)"/g;
  return [...read(path).matchAll(pattern)]
    .map((match) => relative(SOURCE, resolve(SOURCE, dirname(path), match[1] ?? match[2])))
    .filter((file) => existsSync(join(SOURCE, file)));
}

function reached(from: string, isLazyToo: boolean): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [from];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    open.push(...importsOf(path, isLazyToo));
  }
  return found;
}

function classesIn(sheet: string): ReadonlySet<string> {
  const bare = read(sheet).replace(/\/\*[\s\S]*?\*\//g, "");
  const selectors = [...bare.matchAll(/([^{}]+)\{/g)].map((match) => match[1]).join(" ");
  return new Set([...selectors.matchAll(/\.([a-z][\w-]*)/g)].map((match) => match[1]));
}

/** Every word of every text that may be a class name: `class="a b"`, `"a"` of a choice, `` `a ${b}` ``. */
function wordsIn(path: string): ReadonlySet<string> {
  const texts = [...read(path).matchAll(/class(?:Name)?=(?:"([^"]*)"|\{([^}]*(?:\}[^}>]*)?)\})/g)];
  const words = texts.flatMap((match) =>
    match[1] !== undefined
      ? match[1].split(/\s+/)
      : [...match[2].matchAll(/["`]([^"`]*)["`]/g)].flatMap((text) => text[1].split(/[^\w-]+/)),
  );
  return new Set(words.filter(Boolean));
}

const sheets = readdirSync(join(SOURCE, "styles")).map((name) => `styles/${name}`);
const styled = new Map(sheets.map((sheet) => [sheet, classesIn(sheet)]));
const shell = [...reached("main.tsx", false)].filter((path) => path.endsWith(".css"));
/** Each page that `app.tsx` loads when it is opened. */
const pages = [...read("views/app.tsx").matchAll(/\bimport\("\.\/([^"]+)"\)/g)].map(
  (match) => `views/${match[1]}`,
);

describe("motion", () => {
  test("stands where a reader who asks for less of it gets none", () => {
    const moving = sheets.filter((sheet) => {
      const still = read(sheet).replace(
        /@media \(prefers-reduced-motion: no-preference\) \{(?:[^{}]*\{[^{}]*\})*\s*\}/g,
        "",
      );
      return /\b(?:animation|transition|scroll-behavior)\b[\w-]*:/.test(still);
    });
    expect(moving).toEqual([]);
  });
});

describe("style sheets", () => {
  test("there are pages that come later, and sheets that come with them", () => {
    expect(pages.length).toBeGreaterThan(7);
    expect(sheets.length).toBeGreaterThan(shell.length);
  });

  test.each(pages)("%s is styled when it is opened first", (page) => {
    const files = [...reached(page, true)];
    const own = new Set([...shell, ...files.filter((path) => path.endsWith(".css"))]);
    const isStyledIn = (name: string, sheet: string) => styled.get(sheet)?.has(name) === true;
    const lacking = files
      .filter((path) => path.endsWith(".tsx"))
      .flatMap((path) =>
        [...wordsIn(path)]
          .filter((name) => ![...own].some((sheet) => isStyledIn(name, sheet)))
          .map((name) => [name, sheets.find((sheet) => isStyledIn(name, sheet))] as const)
          .filter(([, sheet]) => sheet !== undefined)
          .map(([name, sheet]) => `${path}: .${name} stands in ${sheet}`),
      );
    expect(lacking).toEqual([]);
  });
});
