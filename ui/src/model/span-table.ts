// The spans of a trace as groups with counts and percentiles.

import type { CriticalPath } from "./critical-path.ts";
import { nameShape } from "./repeats.ts";
import { selfNanos } from "./self-time.ts";
import type { Trace } from "./trace.ts";

export type GroupBy = "operation" | "service" | "kind";

export interface SpanGroup {
  readonly service: string;
  readonly name: string;
  readonly count: number;
  readonly errorCount: number;
  readonly sumNanos: number;
  readonly selfNanos: number;
  readonly pathNanos: number;
  readonly minNanos: number;
  readonly p50Nanos: number;
  readonly p95Nanos: number;
  readonly p99Nanos: number;
  readonly maxNanos: number;
  /** The longest span. */
  readonly span: number;
}

export type GroupColumn = Exclude<keyof SpanGroup, "span">;

export function groupSpans(
  trace: Trace,
  root: number,
  by: GroupBy,
  path: CriticalPath,
): readonly SpanGroup[] {
  const first = root >= 0 ? root : 0;
  const end = root >= 0 ? root + trace.subtreeSize[root] : trace.spans.length;
  const groups = new Map<string, number[]>();
  for (let span = first; span < end; span++) {
    const { name, kind } = trace.spans[span];
    const service = trace.service[span];
    const key =
      by === "operation" ? `${service} ${nameShape(name)}` : by === "kind" ? kind : `${service}`;
    const list = groups.get(key);
    if (list) list.push(span);
    else groups.set(key, [span]);
  }
  const onPath = new Map(path.bySelfTime.map(({ span, nanos }) => [span, nanos]));
  return [...groups.values()].map((spans) => groupOf(trace, spans, by, onPath));
}

function groupOf(
  trace: Trace,
  spans: readonly number[],
  by: GroupBy,
  onPath: ReadonlyMap<number, number>,
): SpanGroup {
  const durations = Float64Array.from(spans, (span) => trace.duration[span]).sort();
  let [sumNanos, self, pathNanos, errorCount, longest] = [0, 0, 0, 0, spans[0]];
  let isSameName = true;
  const { name, kind, resource } = trace.spans[spans[0]];
  for (const span of spans) {
    sumNanos += trace.duration[span];
    self += selfNanos(trace, span);
    pathNanos += onPath.get(span) ?? 0;
    if (trace.spans[span].status === "error") errorCount += 1;
    if (trace.duration[span] > trace.duration[longest]) longest = span;
    if (trace.spans[span].name !== name) isSameName = false;
  }
  return {
    service: by === "kind" ? "" : resource.serviceName,
    name: by === "operation" ? (isSameName ? name : nameShape(name)) : by === "kind" ? kind : "",
    count: spans.length,
    errorCount,
    sumNanos,
    selfNanos: self,
    pathNanos,
    minNanos: durations[0],
    p50Nanos: percentile(durations, 0.5),
    p95Nanos: percentile(durations, 0.95),
    p99Nanos: percentile(durations, 0.99),
    maxNanos: durations[durations.length - 1],
    span: longest,
  };
}

/** The smallest value that at least this share of the sorted values does not exceed; 0 for none. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return 0;
  const at = Math.ceil(share * sorted.length) - 1;
  return sorted[Math.min(sorted.length - 1, Math.max(0, at))];
}

export function sortGroups(
  groups: readonly SpanGroup[],
  column: GroupColumn,
  isDescending: boolean,
): readonly SpanGroup[] {
  const sign = isDescending ? -1 : 1;
  return [...groups].sort((a, b) => {
    const [x, y] = [a[column], b[column]];
    return sign * (x < y ? -1 : x > y ? 1 : 0) || b.sumNanos - a.sumNanos;
  });
}
