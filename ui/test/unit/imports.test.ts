// The layers of src/, from the ground up. A file may import from its own layer and from those below.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const SOURCE = resolve(import.meta.dirname, "../../src");
const LAYERS = ["base", "api", "model", "render", "state", "views"];
/** Packages that a layer may use; a layer that is not named may use none. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  state: ["@preact/signals"],
  views: ["preact", "preact/hooks", "@preact/signals"],
};
/** Packages that only one file may use, because it is loaded when it is needed and not before. */
const LAZY_PACKAGES: Readonly<Record<string, RegExp>> = {
  "views/editor/codemirror.ts": /^@codemirror\/|^@lezer\//,
  "views/services/layout.ts": /^@dagrejs\/dagre$/,
  "views/notebook/chart.ts": /^uplot/,
  "views/notebook/markdown.ts": /^marked$/,
};
const LINES_MAX = 400;

interface SourceFile {
  readonly path: string;
  readonly layer: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const files: readonly SourceFile[] = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => {
    const text = readFileSync(join(SOURCE, path), "utf8");
    const imports = [...text.matchAll(/\bfrom\s+"([^"]+)"|\bimport\s*\(?\s*"([^"]+)"/g)];
    return {
      path,
      layer: path.includes("/") ? path.slice(0, path.indexOf("/")) : "",
      text,
      imports: imports.map((match) => match[1] ?? match[2]),
    };
  });

/** Files and folders that an import leads to, below src/. */
function targetOf(file: SourceFile, specifier: string): string {
  return relative(SOURCE, resolve(SOURCE, dirname(file.path), specifier));
}

describe("layers", () => {
  test("there are files, and each is in a layer", () => {
    expect(files.length).toBeGreaterThan(40);
    expect(files.filter((file) => !LAYERS.includes(file.layer)).map((file) => file.path)).toEqual([
      "main.tsx",
    ]);
  });

  test("imports lead down, never up", () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => targetOf(file, specifier).split("/")[0])
        .filter((layer) => file.layer !== "" && LAYERS.indexOf(layer) > LAYERS.indexOf(file.layer))
        .map((layer) => `${file.path} imports from ${layer}`),
    );
    expect(wrong).toEqual([]);
  });

  test("packages are used where they belong", () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .filter((specifier) => !specifier.startsWith(".") && file.layer !== "")
        .filter((specifier) => !PACKAGES[file.layer]?.includes(specifier))
        .filter((specifier) => !LAZY_PACKAGES[file.path]?.test(specifier))
        .map((specifier) => `${file.path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test("one page does not reach into another", () => {
    const folderOf = (path: string) =>
      /^views\/(search|trace|targets|services|compare|notebook)\//.exec(path)?.[1];
    const wrong = files.flatMap((file) =>
      file.imports
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => folderOf(targetOf(file, specifier)))
        .filter((folder) => folder && folderOf(file.path) && folder !== folderOf(file.path))
        .map((folder) => `${file.path} imports from ${folder}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe("doors", () => {
  const using = (pattern: RegExp) =>
    files.filter((file) => pattern.test(file.text)).map((file) => file.path);

  test("only the client opens connections", () => {
    expect(using(/\bfetch\(|XMLHttpRequest|EventSource|WebSocket/)).toEqual(["api/client.ts"]);
  });

  test("the lower layers touch no page and no clock", () => {
    const found = using(/\b(document|window|localStorage)\.|Date\.now\(|performance\.now\(/);
    expect(found.filter((path) => /^(base|api|model)\//.test(path))).toEqual([]);
  });
});

test("files stay readable in one sitting", () => {
  const long = files.filter((file) => file.text.split("\n").length > LINES_MAX);
  expect(long.map((file) => file.path)).toEqual([]);
});
