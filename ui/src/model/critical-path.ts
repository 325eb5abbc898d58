// The critical path: for each moment of a span, the one span that the end was waiting for. Walked
// from the end backwards: what ended last before now was waited for; before it began, what ended
// last before that. A child that was still running then was not waited for, and is not on the path.

import { nameShape } from "./repeats.ts";
import type { Trace } from "./trace.ts";

export interface CriticalPath {
  readonly root: number;
  readonly totalNanos: number;
  /** For each span on the path: pairs of from and to in which it worked itself, by time. */
  readonly stretches: ReadonlyMap<number, Float64Array>;
  /** Spans on the path by own time on it, longest first. */
  readonly bySelfTime: readonly { readonly span: number; readonly nanos: number }[];
}

/** Clocks of two machines tell the end of a call by this much differently; it is no overlap. */
const OVERLAP_NANOS_MAX = 1e6;
const OVERLAP_SHARE_MAX = 0.05;

export function criticalPath(trace: Trace, root: number): CriticalPath {
  const stretches = new Map<number, number[]>();
  const add = (span: number, from: number, to: number) => {
    if (to <= from) return;
    const list = stretches.get(span);
    // The walk goes backwards in time; the pairs are turned round at the end.
    if (list) list.push(to, from);
    else stretches.set(span, [to, from]);
  };
  // Three numbers an entry: span, from, to. No recursion, because a deep chain is a legal trace.
  const stack: number[] = [];
  if (root >= 0) stack.push(root, trace.offset[root], trace.offset[root] + trace.duration[root]);
  while (stack.length > 0) {
    const to = stack.pop() as number;
    const from = stack.pop() as number;
    const span = stack.pop() as number;
    let now = to;
    for (const child of childrenByEnd(trace, span)) {
      if (now <= from) break;
      const start = Math.max(from, trace.offset[child]);
      const end = endWaitedFor(trace, span, child, now);
      if (end <= start || start >= now) continue;
      add(span, end, now);
      stack.push(child, start, end);
      now = start;
    }
    add(span, from, now);
  }
  const sorted = new Map<number, Float64Array>();
  const bySelfTime: { span: number; nanos: number }[] = [];
  for (const [span, list] of stretches) {
    const pairs = Float64Array.from(list).reverse();
    let nanos = 0;
    for (let i = 0; i < pairs.length; i += 2) nanos += pairs[i + 1] - pairs[i];
    sorted.set(span, pairs);
    bySelfTime.push({ span, nanos });
  }
  bySelfTime.sort((a, b) => b.nanos - a.nanos || a.span - b.span);
  const totalNanos = root >= 0 ? trace.duration[root] : 0;
  return { root, totalNanos, stretches: sorted, bySelfTime };
}

/** When the parent got this child's answer, if it can have waited for it; else −1. */
function endWaitedFor(trace: Trace, parent: number, child: number, now: number): number {
  const end = trace.offset[child] + trace.duration[child];
  if (end <= now) return end;
  const kind = trace.spans[child].kind;
  // A call is waited for by its caller, whatever two clocks say.
  const isCall = kind === "server" && trace.spans[parent].kind === "client";
  const slack = Math.min(OVERLAP_NANOS_MAX, trace.duration[child] * OVERLAP_SHARE_MAX);
  return isCall || end - now <= slack ? now : -1;
}

function childrenByEnd(trace: Trace, span: number): readonly number[] {
  const children: number[] = [];
  const last = span + trace.subtreeSize[span];
  for (let at = span + 1; at < last; at += trace.subtreeSize[at]) children.push(at);
  const end = (child: number) => trace.offset[child] + trace.duration[child];
  return children.length < 2
    ? children
    : children.sort((a, b) => end(b) - end(a) || trace.offset[b] - trace.offset[a]);
}

export interface PathShare {
  readonly service: string;
  readonly name: string;
  readonly nanos: number;
  readonly count: number;
  /** The span that has most of it. */
  readonly span: number;
}

/** The path by service and operation, longest first. Names that differ in digits only are one operation. */
export function pathByOperation(trace: Trace, path: CriticalPath): readonly PathShare[] {
  const shares = new Map<string, { -readonly [K in keyof PathShare]: PathShare[K] }>();
  for (const { span, nanos } of path.bySelfTime) {
    const { name, resource } = trace.spans[span];
    const key = `${resource.serviceName}\n${nameShape(name)}`;
    const share = shares.get(key);
    if (share) {
      share.nanos += nanos;
      share.count += 1;
      if (share.name !== name) share.name = nameShape(name);
    } else shares.set(key, { service: resource.serviceName, name, nanos, count: 1, span });
  }
  return [...shares.values()].sort((a, b) => b.nanos - a.nanos);
}

/** The path by service, longest first. */
export function pathByService(
  trace: Trace,
  path: CriticalPath,
): readonly { readonly service: string; readonly nanos: number }[] {
  const sums = new Map<string, number>();
  for (const { span, nanos } of path.bySelfTime) {
    const service = trace.spans[span].resource.serviceName;
    sums.set(service, (sums.get(service) ?? 0) + nanos);
  }
  return [...sums]
    .map(([service, nanos]) => ({ service, nanos }))
    .sort((a, b) => b.nanos - a.nanos);
}
