// A notebook as a Jupyter notebook (nbformat 4.5): the same text, and each question as Python that asks the
// same Sigyn. It needs pandas, and matplotlib where something is drawn.

import type { Cell, Notebook } from "../api/notebooks.ts";
import { parseRange } from "./time-range.ts";

interface JupyterCell {
  readonly cell_type: "markdown" | "code";
  readonly id: string;
  readonly metadata: Record<string, never>;
  readonly source: readonly string[];
  readonly outputs?: readonly never[];
  readonly execution_count?: null;
}

/** The file's text. `origin` is where Sigyn answers, such as `http://localhost:7449`. */
export function jupyterText(notebook: Notebook, origin: string): string {
  const cells = [
    markdown(0, `# ${notebook.title}\n\nExported from ${origin}/notebooks/${notebook.id}`),
    code(1, preamble(notebook, origin)),
    ...notebook.cells.map((cell, at) =>
      cell.kind === "markdown" ? markdown(at + 2, cell.text) : code(at + 2, question(cell)),
    ),
  ];
  const file = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {
      kernelspec: { name: "python3", display_name: "Python 3", language: "python" },
      language_info: { name: "python" },
    },
    cells,
  };
  return `${JSON.stringify(file, null, 1)}\n`;
}

function preamble(notebook: Notebook, origin: string): string {
  const range = parseRange(notebook.range) ?? { kind: "last", seconds: 3600 };
  const times =
    range.kind === "last"
      ? ["END = int(time.time()) + 1", `START = END - ${range.seconds}`]
      : [`START = ${range.startSeconds}`, `END = ${range.endSeconds}`];
  return [
    "import json",
    "import time",
    "import urllib.parse",
    "import urllib.request",
    "",
    "import pandas",
    "",
    `SIGYN = ${python(origin)}`,
    ...times,
    "",
    "",
    "def ask(path, **parameters):",
    '    """What Sigyn answers about the time from START to END."""',
    '    parameters = {"start": START, "end": END, **parameters}',
    '    url = f"{SIGYN}{path}?{urllib.parse.urlencode(parameters, doseq=True)}"',
    "    return urllib.request.urlopen(url)",
    "",
    "",
    "def spans(query, columns=(), limit=1000):",
    '    """The spans that a TraceQL query finds in the newest `limit` traces, a row each."""',
    "    parameters = {",
    '        "q": query, "column": list(columns), "format": "csv", "limit": limit',
    "    }",
    '    with ask("/api/sigyn/v1/spans", **parameters) as answer:',
    '        table = pandas.read_csv(answer, dtype={"trace_id": str, "span_id": str})',
    '    table["start"] = pandas.to_datetime(table.pop("start_unix_nano"), unit="ns", utc=True)',
    '    table["ms"] = table.pop("duration_nano") / 1e6',
    "    return table",
    "",
    "",
    "def metrics(query, points=120):",
    '    """The series of a TraceQL metrics query, a column each."""',
    '    step = f"{max(1, (END - START) // points)}s"',
    '    with ask("/api/metrics/query_range", q=query, step=step) as answer:',
    '        found = json.load(answer).get("series", [])',
    "    columns = {}",
    "    for series in found:",
    '        labels = [next(iter(label["value"].values())) for label in series.get("labels", [])]',
    '        name = ", ".join(str(label) for label in labels) or query',
    "        columns[name] = pandas.Series({",
    '            pandas.to_datetime(int(sample["timestampMs"]), unit="ms", utc=True): sample.get("value", 0.0)',
    '            for sample in series.get("samples", [])',
    "        })",
    "    return pandas.DataFrame(columns)",
  ].join("\n");
}

function question(cell: Exclude<Cell, { readonly kind: "markdown" }>): string {
  const query = python(cell.query);
  switch (cell.kind) {
    case "search":
      return [
        `found = spans(${query}, ["rootServiceName", "rootName", "traceDuration"])`,
        'found.drop_duplicates("trace_id").sort_values("start", ascending=False).head(20)',
      ].join("\n");
    case "metrics":
      return [
        `series = metrics(${query})`,
        "series.plot(figsize=(12, 4)) if len(series) else series",
      ].join("\n");
    case "table":
      return `spans(${query}, [${cell.columns.map(python).join(", ")}])`;
  }
}

/** A string of Python: JSON's escapes are Python's too, and what is not ASCII is written by its number. */
function python(text: string): string {
  return JSON.stringify(text).replace(
    /[^\x20-\x7e]/gu,
    (char) => `\\U${(char.codePointAt(0) ?? 0).toString(16).padStart(8, "0")}`,
  );
}

function markdown(at: number, text: string): JupyterCell {
  return { cell_type: "markdown", id: `cell-${at}`, metadata: {}, source: lines(text) };
}

function code(at: number, text: string): JupyterCell {
  return {
    cell_type: "code",
    id: `cell-${at}`,
    metadata: {},
    source: lines(text),
    outputs: [],
    execution_count: null,
  };
}

/** Jupyter keeps text as a list of lines, each with its end. */
function lines(text: string): readonly string[] {
  const all = text.split("\n");
  return all.map((line, at) => (at < all.length - 1 ? `${line}\n` : line));
}
