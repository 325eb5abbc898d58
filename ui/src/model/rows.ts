import type { Trace } from "./trace.ts";

/** Indices of the spans that are shown, in order: all but those below a collapsed span. */
export function visibleRows(trace: Trace, collapsed: ReadonlySet<number>): Int32Array {
  const count = trace.spans.length;
  const rows = new Int32Array(count);
  let shown = 0;
  for (let i = 0; i < count; ) {
    rows[shown++] = i;
    i += collapsed.has(i) ? trace.subtreeSize[i] : 1;
  }
  return rows.subarray(0, shown);
}

/** The row that shows a span, or that of its nearest shown ancestor. Rows are sorted. */
export function rowOf(rows: Int32Array, span: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (rows[middle] <= span) low = middle;
    else high = middle - 1;
  }
  return rows.length === 0 ? -1 : low;
}

export function hasChildren(trace: Trace, span: number): boolean {
  return trace.subtreeSize[span] > 1;
}

/** The collapsed set without the ancestors of a span, so that it can be seen. */
export function revealed(
  trace: Trace,
  collapsed: ReadonlySet<number>,
  span: number,
): ReadonlySet<number> {
  let opened: Set<number> | null = null;
  for (let at = trace.parent[span]; at >= 0; at = trace.parent[at]) {
    if (!collapsed.has(at)) continue;
    opened ??= new Set(collapsed);
    opened.delete(at);
  }
  return opened ?? collapsed;
}

/** Collapses every span at `depth` that has children. */
export function collapsedAtDepth(trace: Trace, depth: number): ReadonlySet<number> {
  const collapsed = new Set<number>();
  for (let i = 0; i < trace.spans.length; i++) {
    if (trace.depth[i] === depth && hasChildren(trace, i)) collapsed.add(i);
  }
  return collapsed;
}
