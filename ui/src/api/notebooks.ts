import { asArray, asBigint, asNumber, asObject, asString, type JsonObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { type Nanos, nanos } from "../base/time.ts";
import { getJson, sendJson } from "./client.ts";

export interface NotebookEntry {
  readonly id: string;
  /** 0 while it was never saved. */
  readonly version: number;
  readonly saved: Nanos;
  readonly title: string;
}

export const CELL_KINDS = ["markdown", "search", "metrics", "table"] as const;
export type CellKind = (typeof CELL_KINDS)[number];

export type Cell =
  | { readonly kind: "markdown"; readonly text: string }
  | { readonly kind: "search"; readonly query: string }
  | { readonly kind: "metrics"; readonly query: string }
  | { readonly kind: "table"; readonly query: string; readonly columns: readonly string[] };

export interface Notebook extends NotebookEntry {
  /** The time that the cells ask about, as it stands in links. */
  readonly range: string;
  readonly cells: readonly Cell[];
}

const PATH = "/api/sigyn/v1/notebooks";

/** The last saved first. */
export function fetchNotebooks(signal?: AbortSignal): Promise<Result<readonly NotebookEntry[]>> {
  const parse = (json: unknown) => asArray(asObject(json).notebooks).map(asObject).map(parseEntry);
  return getJson(PATH, {}, parse, signal);
}

export function fetchNotebook(id: string, signal?: AbortSignal): Promise<Result<Notebook>> {
  return getJson(`${PATH}/${id}`, {}, parseNotebook, signal);
}

/** Keeps it as the version after `notebook.version`; 409 where somebody else was quicker. */
export function saveNotebook(notebook: Notebook): Promise<Result<Notebook>> {
  const { id, version, title, range, cells } = notebook;
  return sendJson("PUT", `${PATH}/${id}`, { version, title, range, cells }, parseNotebook);
}

export function deleteNotebook(id: string, version: number): Promise<Result<null>> {
  return sendJson("DELETE", `${PATH}/${id}?version=${version}`, null, () => null);
}

export function parseNotebook(json: unknown): Notebook {
  const fields = asObject(json);
  return {
    ...parseEntry(fields),
    range: asString(fields.range),
    cells: asArray(fields.cells).map(asObject).flatMap(parseCell),
  };
}

function parseEntry(fields: JsonObject): NotebookEntry {
  return {
    id: asString(fields.id),
    version: asNumber(fields.version),
    saved: nanos(asBigint(fields.savedUnixNano)),
    title: asString(fields.title),
  };
}

/** A cell of a kind that a newer Sigyn knows is left out. */
function parseCell(fields: JsonObject): readonly Cell[] {
  const query = asString(fields.query);
  switch (fields.kind) {
    case "markdown":
      return [{ kind: "markdown", text: asString(fields.text) }];
    case "search":
    case "metrics":
      return [{ kind: fields.kind, query }];
    case "table":
      return [{ kind: "table", query, columns: asArray(fields.columns).map(asString) }];
  }
  return [];
}
