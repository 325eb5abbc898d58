// @vitest-environment happy-dom
import { render } from "preact";
import { describe, expect, test } from "vitest";
import { parseNotebook } from "../../src/api/notebooks.ts";
import { parseSpanRows } from "../../src/api/spans.ts";
import { jupyterText } from "../../src/model/jupyter.ts";
import {
  emptyCell,
  isSameContent,
  newNotebook,
  parseFields,
  withCell,
  withChangedCell,
  withMovedCell,
  withoutCell,
} from "../../src/model/notebook.ts";
import { markdownNodes } from "../../src/views/notebook/markdown.ts";

const kinds = (notebook: ReturnType<typeof newNotebook>) => notebook.cells.map(({ kind }) => kind);

describe("a notebook", () => {
  const three = withCell(withCell(newNotebook("a"), emptyCell("search")), emptyCell("metrics"));

  test("is changed without touching what is kept", () => {
    expect(kinds(three)).toEqual(["markdown", "search", "metrics"]);
    expect(kinds(withMovedCell(three, 2, -1))).toEqual(["markdown", "metrics", "search"]);
    expect(kinds(withMovedCell(three, 0, -1))).toEqual(kinds(three));
    expect(kinds(withoutCell(three, 1))).toEqual(["markdown", "metrics"]);
    const changed = withChangedCell(three, 0, { kind: "markdown", text: "new" });
    expect(isSameContent(three, changed)).toBe(false);
    expect(isSameContent(three, { ...three, version: 7 })).toBe(true);
  });

  test("of a newer server loses only the cells that nobody knows here", () => {
    const notebook = parseNotebook({
      id: "a",
      version: 3,
      savedUnixNano: "1790000000000000001",
      title: "t",
      range: "1h",
      cells: [{ kind: "python", text: "" }, { kind: "table", query: "{ }", columns: ["kind"] }, 5],
    });
    expect(notebook).toMatchObject({ version: 3, saved: 1790000000000000001n });
    expect(notebook.cells).toEqual([{ kind: "table", query: "{ }", columns: ["kind"] }]);
  });

  test("fields may hold commas in quotes, and are asked for once", () => {
    expect(parseFields('kind, span."a,b" ,, kind')).toEqual(["kind", 'span."a,b"']);
  });

  test("rows keep their nanoseconds", () => {
    const [row] = parseSpanRows(
      '{"trace_id":"ab","span_id":"cd","name":"x","start_unix_nano":1790000000000000001,' +
        '"duration_nano":5,"resource.service.name":"shop"}\n',
    );
    expect(row).toMatchObject({ start: 1790000000000000001n, durationNanos: 5 });
    expect(row.cells).toEqual({ "resource.service.name": "shop" });
  });
});

describe("a Jupyter notebook", () => {
  const notebook = parseNotebook({
    id: "slow",
    title: 'Slow "é" 😀',
    range: "100,200",
    cells: [
      { kind: "markdown", text: "# a\nb" },
      { kind: "search", query: '{ name = "é\\n" }' },
      { kind: "metrics", query: "{ } | rate()" },
      { kind: "table", query: "{ }", columns: ["kind", 'span."x,y"'] },
    ],
  });
  const file = JSON.parse(jupyterText(notebook, "http://localhost:7449"));

  test("has the fields that the format asks for", () => {
    expect([file.nbformat, file.nbformat_minor]).toEqual([4, 5]);
    expect(file.metadata.kernelspec.language).toBe("python");
    const ids = file.cells.map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const cell of file.cells) {
      expect(cell.source.slice(0, -1).every((line: string) => line.endsWith("\n"))).toBe(true);
      expect("outputs" in cell).toBe(cell.cell_type === "code");
    }
  });

  test("asks the same questions of the same server about the same time", () => {
    const text = file.cells.map(({ source }: { source: string[] }) => source.join(""));
    expect(text[0]).toContain('# Slow "é" 😀');
    expect(text[1]).toContain('SIGYN = "http://localhost:7449"\nSTART = 100\nEND = 200');
    expect(text[2]).toBe("# a\nb");
    expect(text[3]).toContain('"{ name = \\"\\U000000e9\\\\n\\" }"');
    expect(text[4]).toContain('metrics("{ } | rate()")');
    expect(text[5]).toBe('spans("{ }", ["kind", "span.\\"x,y\\""])');
  });
});

describe("Markdown", () => {
  const shown = (text: string) => {
    const box = document.createElement("div");
    render(markdownNodes(text), box);
    return box;
  };

  test("is text, lists, code, tables and links", () => {
    const box = shown(
      "# T\n\n**b** _e_ `c` ~~d~~\n\n- [x] a\n- b\n\n|h|\n|-|\n|1|\n\n```\ncode\n```",
    );
    for (const tag of ["h2", "strong", "em", "code", "del", "li", "table", "pre"]) {
      expect(box.querySelector(tag), tag).not.toBeNull();
    }
    expect(shown("a &lt; b & c").textContent).toBe("a < b & c");
  });

  test("never becomes markup, a picture, or a link that runs", () => {
    const hostile = [
      "<img src=x onerror=alert(1)>",
      "<script>alert(1)</script>",
      "![p](https://elsewhere.example/p.png)",
      "[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html,x)",
      "[d](//elsewhere.example) <javascript:alert(1)>",
      '[e]( "onclick=alert(1)")',
      `${"> ".repeat(3000)}deep`,
    ];
    for (const text of hostile) {
      const box = shown(text);
      expect(box.querySelector("img, script, iframe, [onerror], [onclick]"), text).toBeNull();
      for (const link of box.querySelectorAll("a")) {
        expect(link.getAttribute("href"), text).toMatch(/^(https?:\/\/|\/(?!\/)|#|mailto:)/);
        if (/^https?:/.test(link.getAttribute("href") ?? "")) {
          expect(link.rel).toContain("noopener");
        }
      }
    }
  });
});
