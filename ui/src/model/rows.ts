// Which rows the waterfall has: the tree without what is collapsed, too short to be asked for, or
// folded into a repeat. Computed once for each (trace, choices); a frame only reads it.

import { groupRepeats, type Repeat } from "./repeats.ts";
import { childrenOf, rootsOf, type Trace } from "./trace.ts";

export interface RowChoices {
  /** Shows this span and what is below it; −1 for the whole trace. */
  readonly root: number;
  readonly collapsed: ReadonlySet<number>;
  /** Folds repeated siblings into one row. */
  readonly isFolding: boolean;
  /** First spans of the repeats that are opened again. */
  readonly unfolded: ReadonlySet<number>;
  /** Shorter spans are left out unless they or something below them failed; 0 shows all. */
  readonly durationMinNanos: number;
}

export const ALL_ROWS: RowChoices = {
  root: -1,
  collapsed: new Set(),
  isFolding: true,
  unfolded: new Set(),
  durationMinNanos: 0,
};

export interface Rows {
  readonly length: number;
  /** For each row its span; for the row of a repeat the first of its spans. */
  readonly spans: Int32Array;
  /** Steps of indent, from the shown root on. */
  readonly depths: Int32Array;
  /** By row: the repeats that have a row, open or not. */
  readonly repeats: ReadonlyMap<number, Repeat>;
  /** By span: the row that shows it, or what it is hidden in; −1 outside of the shown root. */
  readonly rowOfSpan: Int32Array;
  /** By row: how many spans below it were left out for being short. */
  readonly leftOut: ReadonlyMap<number, number>;
}

export function buildRows(trace: Trace, choices: RowChoices): Rows {
  const count = trace.spans.length;
  const { root, collapsed, unfolded } = choices;
  const spans = new Int32Array(count * 2);
  const depths = new Int32Array(count * 2);
  const rowOfSpan = new Int32Array(count).fill(-1);
  const repeats = new Map<number, Repeat>();
  const leftOut = new Map<number, number>();
  const keep = choices.durationMinNanos > 0 ? keptSpans(trace, choices.durationMinNanos) : null;
  let shown = 0;

  /** Work that is left, the next on top: a span, or a repeat by its bitwise complement. */
  const stack: number[] = [];
  const stackDepths: number[] = [];
  const waiting: Repeat[] = [];
  const push = (children: readonly number[], depth: number, row: number) => {
    let list = children;
    if (keep !== null) {
      list = children.filter((child) => keep[child] === 1);
      if (list.length < children.length) {
        leftOut.set(Math.max(0, row), children.length - list.length);
        for (const child of children) {
          if (keep[child] === 0) markSubtree(child, Math.max(0, row));
        }
      }
    }
    const items = choices.isFolding ? groupRepeats(trace, list) : list;
    for (let at = items.length - 1; at >= 0; at--) {
      const item = items[at];
      if (typeof item === "number") stack.push(item);
      else {
        stack.push(~waiting.length);
        waiting.push(item);
      }
      stackDepths.push(depth);
    }
  };
  const markSubtree = (span: number, row: number) => {
    rowOfSpan.fill(row, span, span + trace.subtreeSize[span]);
  };

  if (root >= 0) {
    stack.push(root);
    stackDepths.push(0);
  } else push(rootsOf(trace), 0, -1);
  while (stack.length > 0) {
    const item = stack.pop() as number;
    const depth = stackDepths.pop() as number;
    const row = shown++;
    depths[row] = depth;
    if (item < 0) {
      const repeat = waiting[~item];
      spans[row] = repeat.spans[0];
      repeats.set(row, repeat);
      if (unfolded.has(repeat.spans[0])) {
        for (let at = repeat.spans.length - 1; at >= 0; at--) {
          stack.push(repeat.spans[at]);
          stackDepths.push(depth + 1);
        }
      } else for (const span of repeat.spans) markSubtree(span, row);
      continue;
    }
    spans[row] = item;
    rowOfSpan[item] = row;
    if (trace.subtreeSize[item] === 1) continue;
    if (collapsed.has(item)) markSubtree(item, row);
    else push(childrenOf(trace, item), depth + 1, row);
  }
  return {
    length: shown,
    spans: spans.subarray(0, shown),
    depths: depths.subarray(0, shown),
    repeats,
    rowOfSpan,
    leftOut,
  };
}

/** 1 for spans that are long enough, that failed, or that have such a span below them. */
function keptSpans(trace: Trace, durationMinNanos: number): Uint8Array {
  const keep = new Uint8Array(trace.spans.length);
  for (let i = keep.length - 1; i >= 0; i--) {
    if (trace.duration[i] >= durationMinNanos || trace.spans[i].status === "error") keep[i] = 1;
    if (keep[i] === 1 && trace.parent[i] >= 0) keep[trace.parent[i]] = 1;
  }
  return keep;
}

/** The row that shows a span or what hides it; −1 where the shown root does not hold it. */
export function rowOf(rows: Rows, span: number): number {
  return span < 0 || span >= rows.rowOfSpan.length ? -1 : rows.rowOfSpan[span];
}

export function hasChildren(trace: Trace, span: number): boolean {
  return trace.subtreeSize[span] > 1;
}

/** What must be opened so that a span has a row of its own. */
export interface Opening {
  readonly collapsed: ReadonlySet<number>;
  readonly unfolded: ReadonlySet<number>;
}

/** The choices without what hides a span. The same sets come back where nothing does. */
export function revealed(
  trace: Trace,
  choices: Pick<RowChoices, "collapsed" | "unfolded" | "isFolding">,
  span: number,
): Opening {
  let collapsed: Set<number> | null = null;
  let unfolded: Set<number> | null = null;
  for (let at = span; at >= 0; at = trace.parent[at]) {
    if (at !== span && choices.collapsed.has(at)) {
      collapsed ??= new Set(choices.collapsed);
      collapsed.delete(at);
    }
    if (!choices.isFolding) continue;
    const first = repeatFirst(trace, at);
    if (first >= 0 && first !== span && !choices.unfolded.has(first)) {
      unfolded ??= new Set(choices.unfolded);
      unfolded.add(first);
    }
  }
  return {
    collapsed: collapsed ?? choices.collapsed,
    unfolded: unfolded ?? choices.unfolded,
  };
}

/** The first span of the repeat that a span is folded into; −1 where it is in none. */
function repeatFirst(trace: Trace, span: number): number {
  const parent = trace.parent[span];
  const siblings = parent < 0 ? rootsOf(trace) : childrenOf(trace, parent);
  for (const item of groupRepeats(trace, siblings)) {
    if (typeof item !== "number" && item.spans.includes(span)) return item.spans[0];
  }
  return -1;
}
