// A notebook as it is written: cells that are added, changed, moved and taken away. Every change gives a new
// notebook, so that what is shown and what is saved can be compared.

import type { Cell, CellKind, Notebook } from "../api/notebooks.ts";
import { nanos } from "../base/time.ts";
import { DEFAULT_RANGE, formatRange } from "./time-range.ts";

/** A notebook that nobody saved yet. */
export function newNotebook(id: string): Notebook {
  return {
    id,
    version: 0,
    saved: nanos(0n),
    title: "",
    range: formatRange(DEFAULT_RANGE),
    cells: [emptyCell("markdown")],
  };
}

export function emptyCell(kind: CellKind): Cell {
  switch (kind) {
    case "markdown":
      return { kind, text: "" };
    case "search":
      return { kind, query: "{ status = error }" };
    case "metrics":
      return { kind, query: "{ kind = server } | rate() by (resource.service.name)" };
    case "table":
      return {
        kind,
        query: "{ kind = server && duration > 100ms }",
        columns: ["resource.service.name", "status"],
      };
  }
}

export function withCell(notebook: Notebook, cell: Cell): Notebook {
  return { ...notebook, cells: [...notebook.cells, cell] };
}

export function withChangedCell(notebook: Notebook, at: number, cell: Cell): Notebook {
  return { ...notebook, cells: notebook.cells.map((old, place) => (place === at ? cell : old)) };
}

export function withoutCell(notebook: Notebook, at: number): Notebook {
  return { ...notebook, cells: notebook.cells.filter((_, place) => place !== at) };
}

/** The cell some places on; it stops at both ends. */
export function withMovedCell(notebook: Notebook, at: number, by: number): Notebook {
  const to = Math.min(notebook.cells.length - 1, Math.max(0, at + by));
  const cells = [...notebook.cells];
  const [cell] = cells.splice(at, 1);
  if (cell) cells.splice(to, 0, cell);
  return { ...notebook, cells };
}

/** Whether there is nothing to save. */
export function isSameContent(one: Notebook, other: Notebook): boolean {
  const content = ({ title, range, cells }: Notebook) => JSON.stringify([title, range, cells]);
  return content(one) === content(other);
}

/** Fields with commas between them; a name in quotes may hold one. */
export function parseFields(text: string): readonly string[] {
  const fields = text.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
  return [...new Set(fields.map((field) => field.trim()).filter((field) => field !== ""))];
}
