// Service lanes: what each service was doing at each moment. Spans of one service that overlap lie in
// lines below one another; a lane is as high as the service was ever busy, up to a limit.

import type { Trace } from "./trace.ts";

export interface Lane {
  readonly service: number;
  readonly name: string;
  /** Spans by start. */
  readonly spans: Int32Array;
  /** For each of these its line within the lane. */
  readonly lines: Uint8Array;
  readonly lineCount: number;
  readonly busyNanos: number;
  readonly errorCount: number;
}

/** More lines than this are not told apart; what comes on top shares the last one. */
const LINES_MAX = 10;

/** Lanes in the order in which services first appear. */
export function buildLanes(trace: Trace, root: number): readonly Lane[] {
  const first = root >= 0 ? root : 0;
  const end = root >= 0 ? root + trace.subtreeSize[root] : trace.spans.length;
  const byService = new Map<number, number[]>();
  for (let span = first; span < end; span++) {
    const list = byService.get(trace.service[span]);
    if (list) list.push(span);
    else byService.set(trace.service[span], [span]);
  }
  return [...byService].map(([service, list]) => {
    list.sort((a, b) => trace.offset[a] - trace.offset[b] || a - b);
    const lines = new Uint8Array(list.length);
    const ends: number[] = [];
    let busyNanos = 0;
    let busyTo = Number.NEGATIVE_INFINITY;
    let errorCount = 0;
    list.forEach((span, at) => {
      const from = trace.offset[span];
      const to = from + trace.duration[span];
      let line = ends.findIndex((lineEnd) => lineEnd <= from);
      if (line < 0) line = Math.min(ends.length, LINES_MAX - 1);
      ends[line] = Math.max(ends[line] ?? 0, to);
      lines[at] = line;
      if (to > busyTo) {
        busyNanos += to - Math.max(from, busyTo);
        busyTo = to;
      }
      if (trace.spans[span].status === "error") errorCount += 1;
    });
    return {
      service,
      name: trace.services[service].name,
      spans: Int32Array.from(list),
      lines,
      lineCount: Math.max(1, ends.length),
      busyNanos,
      errorCount,
    };
  });
}
