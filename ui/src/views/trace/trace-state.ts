// What is shown of a trace, read from the address, and the ways to change it.

import { useEffect, useMemo } from "preact/hooks";
import { isSameSpan, type TimeSpan } from "../../base/timescale.ts";
import { collapsedByRule, exceptionsFor, withExceptions } from "../../model/collapse.ts";
import { type CriticalPath, criticalPath } from "../../model/critical-path.ts";
import { type Found, find, nextMatch } from "../../model/find.ts";
import { buildRows, type Opening, type Rows, revealed, rowOf } from "../../model/rows.ts";
import { agreedExtent, type Skew } from "../../model/skew.ts";
import { spanKey, spanOfKey } from "../../model/span-key.ts";
import { mainRoot, type Trace } from "../../model/trace.ts";
import { route as currentRoute, navigate, replace } from "../../state/router.ts";
import type { TraceRoute } from "../../state/url.ts";

export interface TraceState {
  readonly trace: Trace;
  readonly route: TraceRoute;
  /** The shown root, −1 for the whole trace. */
  readonly root: number;
  readonly full: TimeSpan;
  /** What is shown first: all, or all but the spans that a differing clock has carried far away. */
  readonly home: TimeSpan;
  readonly view: TimeSpan;
  /** When the trace was, apart from spans that a differing clock has carried far away. */
  readonly plausible: TimeSpan;
  /** What the ruler counts from: the start of the trace, not of a span that a differing clock has carried away. */
  readonly zeroNanos: number;
  readonly rows: Rows;
  readonly collapsed: ReadonlySet<number>;
  readonly unfolded: ReadonlySet<number>;
  readonly selected: number;
  readonly selectedRow: number;
  readonly found: Found;
  readonly matches: ReadonlySet<number>;
  readonly isFinding: boolean;
  readonly path: CriticalPath;
  readonly update: (change: Partial<TraceRoute>) => void;
  readonly setView: (view: TimeSpan) => void;
  readonly select: (span: number) => void;
  readonly toggleRow: (row: number) => void;
  readonly step: (by: number) => void;
  readonly toMatch: (by: 1 | -1) => void;
  readonly setRoot: (span: number) => void;
}

export function useTraceState(trace: Trace, route: TraceRoute, skew: Skew): TraceState {
  const root = spanOfKey(trace, route.root);
  const full: TimeSpan = useMemo(() => extentOf(trace, root), [trace, root]);
  const agreed = useMemo(
    () => (route.isCorrected ? null : agreedExtent(trace, skew)),
    [trace, skew, route.isCorrected],
  );
  const plausible = useMemo(() => agreed ?? extentOf(trace, -1), [agreed, trace]);
  const home = root >= 0 ? full : plausible;
  const view = route.view ?? home;
  const selected = spanOfKey(trace, route.span);
  const byRule = useMemo(() => collapsedByRule(trace, route.rule, root), [trace, route.rule, root]);
  const collapsed = useMemo(
    () => withExceptions(byRule, spansOf(trace, route.collapsed)),
    [trace, byRule, route.collapsed],
  );
  const unfolded = useMemo(() => new Set(spansOf(trace, route.unfolded)), [trace, route.unfolded]);
  const { isFolding, durationMinNanos } = route;
  const rows = useMemo(
    () => buildRows(trace, { root, collapsed, isFolding, unfolded, durationMinNanos }),
    [trace, root, collapsed, isFolding, unfolded, durationMinNanos],
  );
  const found = useMemo(() => find(trace, route.find), [trace, route.find]);
  const matches = useMemo(() => new Set(found.spans), [found]);
  const path = useMemo(
    () => criticalPath(trace, root >= 0 ? root : mainRoot(trace), home.to),
    [trace, root, home],
  );

  const update = (change: Partial<TraceRoute>) => {
    const now = currentRoute.peek();
    if (now.page === "trace") replace({ ...now, ...change });
  };
  const open = (opening: Opening): Partial<TraceRoute> => ({
    ...(opening.collapsed !== collapsed && {
      collapsed: exceptionsFor(byRule, opening.collapsed).map((span) => spanKey(trace, span)),
    }),
    ...(opening.unfolded !== unfolded && {
      unfolded: [...opening.unfolded].map((span) => spanKey(trace, span)),
    }),
  });
  const reveal = (span: number) => {
    const opening = revealed(trace, { collapsed, unfolded, isFolding }, span);
    const isOutside = root >= 0 && (span < root || span >= root + trace.subtreeSize[root]);
    return { ...open(opening), ...(isOutside && { root: null, view: null }) };
  };
  const select = (span: number) => {
    if (span >= 0) update({ span: spanKey(trace, span), ...reveal(span) });
  };
  const selectedRow = rowOf(rows, selected);

  // A link that names a span inside of a closed one opens the way to it; so does an exemplar's.
  useEffect(() => {
    if (selected < 0) return;
    const change = reveal(selected);
    if (Object.keys(change).length > 0) update(change);
  }, [selected]);

  return {
    trace,
    route,
    root,
    full,
    home,
    view,
    plausible,
    zeroNanos: plausible.from,
    rows,
    collapsed,
    unfolded,
    selected,
    selectedRow,
    found,
    matches,
    isFinding: route.find.trim() !== "" && found.fault === null,
    path,
    update,
    setView: (next) => update({ view: isSameSpan(next, home) ? null : next }),
    select,
    toggleRow: (row) => {
      const span = rows.spans[row];
      const set = rows.repeats.has(row) ? unfolded : collapsed;
      const next = new Set(set);
      if (!next.delete(span)) next.add(span);
      update(
        open(set === unfolded ? { collapsed, unfolded: next } : { collapsed: next, unfolded }),
      );
      // What is hidden cannot stay selected: the row that hides it takes its place.
      const isInside = selected > span && selected < span + trace.subtreeSize[span];
      if (set === collapsed && next.has(span) && isInside) update({ span: spanKey(trace, span) });
    },
    step: (by) => {
      const limit = rows.length - 1;
      if (limit < 0) return;
      let row = (selectedRow >= 0 ? selectedRow : by > 0 ? -1 : limit + 1) + by;
      row = Math.min(limit, Math.max(0, row));
      // The row of an open repeat has the same span as the first row in it.
      if (rows.spans[row] === selected && row > 0 && row < limit) row += Math.sign(by);
      const span = rows.spans[row];
      update({ span: spanKey(trace, span) });
    },
    toMatch: (by) => select(nextMatch(found.spans, selected, by)),
    setRoot: (span) => {
      const now = currentRoute.peek();
      if (now.page !== "trace") return;
      // A step that "back" returns from: it changes what the whole page is about.
      navigate({ ...now, root: span < 0 ? null : spanKey(trace, span), view: null });
    },
  };
}

function spansOf(trace: Trace, keys: readonly string[]): readonly number[] {
  return keys.map((key) => spanOfKey(trace, key)).filter((span) => span >= 0);
}

/** The times of a span and of all below it. */
function extentOf(trace: Trace, root: number): TimeSpan {
  if (root < 0) return { from: 0, to: Math.max(trace.durationNanos, 1) };
  let from = trace.offset[root];
  let to = from + trace.duration[root];
  for (let i = root; i < root + trace.subtreeSize[root]; i++) {
    from = Math.min(from, trace.offset[i]);
    to = Math.max(to, trace.offset[i] + trace.duration[i]);
  }
  return { from, to: Math.max(to, from + 1) };
}

/** By row: the stretches of the critical path that lie in it, by time. */
export function usePathRows(state: TraceState): ReadonlyMap<number, readonly number[]> {
  const { path, rows } = state;
  return useMemo(() => {
    const lists = new Map<number, number[]>();
    for (const [span, pairs] of path.stretches) {
      const row = rowOf(rows, span);
      if (row < 0) continue;
      const list = lists.get(row);
      if (list) list.push(...pairs);
      else lists.set(row, [...pairs]);
    }
    return new Map([...lists].map(([row, list]) => [row, sortedPairs(list)]));
  }, [path, rows]);
}

function sortedPairs(list: readonly number[]): readonly number[] {
  const starts = list.filter((_, i) => i % 2 === 0).map((from, i) => [from, list[2 * i + 1]]);
  return starts.sort((a, b) => a[0] - b[0]).flat();
}
