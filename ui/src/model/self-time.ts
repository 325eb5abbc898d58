import type { Trace } from "./trace.ts";

/** Stretches in which a span worked itself: pairs of from and to, in nanoseconds of the trace. */
export type Stretches = Float64Array;

const known = new WeakMap<Trace, Map<number, Stretches>>();

/** A span's own stretches: its length without what its children cover. Computed when first asked. */
export function selfStretches(trace: Trace, span: number): Stretches {
  let bySpan = known.get(trace);
  if (!bySpan) {
    bySpan = new Map();
    known.set(trace, bySpan);
  }
  let stretches = bySpan.get(span);
  if (!stretches) {
    stretches = computeStretches(trace, span);
    bySpan.set(span, stretches);
  }
  return stretches;
}

export function selfNanos(trace: Trace, span: number): number {
  const stretches = selfStretches(trace, span);
  let sum = 0;
  for (let i = 0; i < stretches.length; i += 2) sum += stretches[i + 1] - stretches[i];
  return sum;
}

function computeStretches(trace: Trace, span: number): Stretches {
  const end = trace.offset[span] + trace.duration[span];
  const found: number[] = [];
  let at = trace.offset[span];
  // Children are sorted by start, so one pass is enough.
  const last = span + trace.subtreeSize[span];
  for (let child = span + 1; child < last && at < end; child += trace.subtreeSize[child]) {
    const from = trace.offset[child];
    if (from > at) found.push(at, Math.min(from, end));
    at = Math.max(at, from + trace.duration[child]);
  }
  if (at < end) found.push(at, end);
  return Float64Array.from(found);
}
