// The critical path: for each moment of a span, the one span that the end was waiting for. Walked
// from the end backwards: what ended last before now was waited for; before it began, what ended
// last before that. A child that was still running then was not waited for, and is not on the path.
//
// Where the root answered early and most of the trace came after it (a job was put into a queue, a
// stream was kept open), the path ends with the span that ended last, and leads from its start to
// what started it. Between the two there may be time in which nothing ran.

import { say } from "../base/say.ts";
import { nameShape } from "./repeats.ts";
import type { Trace } from "./trace.ts";

export interface CriticalPath {
  readonly root: number;
  readonly totalNanos: number;
  /** Pairs of from and to between a span's end and the start of what it had started: nothing ran, by time. */
  readonly waits: readonly number[];
  readonly waitNanos: number;
  /** For each span on the path: pairs of from and to in which it worked itself, by time. */
  readonly stretches: ReadonlyMap<number, Float64Array>;
  /** Spans on the path by own time on it, longest first. */
  readonly bySelfTime: readonly { readonly span: number; readonly nanos: number }[];
}

/** Clocks of two machines tell the end of a call by this much differently; it is no overlap. */
const OVERLAP_NANOS_MAX = 1e6;
const OVERLAP_SHARE_MAX = 0.05;

/** A root that fills less of its tree's time than this has not waited for what the reader sees. */
const ROOT_SHARE_MIN = 0.5;

/** `until`: spans that end after it do not count, because their clock has carried them away. */
export function criticalPath(
  trace: Trace,
  root: number,
  until = Number.POSITIVE_INFINITY,
): CriticalPath {
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
  const waits: number[] = [];
  let [first, last] = [0, 0];
  if (root >= 0) {
    first = trace.offset[root];
    last = endOf(trace, root);
    const final = lastToEnd(trace, root, until);
    const isAnsweredEarly = last - first < (endOf(trace, final) - first) * ROOT_SHARE_MIN;
    let now = isAnsweredEarly ? endOf(trace, final) : last;
    last = now;
    // From the last span up to the root: each is on the path until it started the one below it.
    for (let span = isAnsweredEarly ? final : root; ; span = trace.parent[span]) {
      const end = Math.min(now, endOf(trace, span));
      if (end < now) waits.unshift(end, now);
      const from = Math.min(trace.offset[span], end);
      stack.push(span, from, end);
      now = from;
      if (span === root) break;
    }
    first = Math.min(first, now);
  }
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
  let waitNanos = 0;
  for (let i = 0; i < waits.length; i += 2) waitNanos += waits[i + 1] - waits[i];
  return { root, totalNanos: last - first, waits, waitNanos, stretches: sorted, bySelfTime };
}

function endOf(trace: Trace, span: number): number {
  return trace.offset[span] + trace.duration[span];
}

/** Of a root and all below it the span that ended last; of two the upper one. */
function lastToEnd(trace: Trace, root: number, until: number): number {
  let last = root;
  for (let span = root + 1; span < root + trace.subtreeSize[root]; span++) {
    const end = endOf(trace, span);
    if (end > endOf(trace, last) && end <= until) last = span;
  }
  return last;
}

/** When the parent got this child's answer, if it can have waited for it; else −1. */
function endWaitedFor(trace: Trace, parent: number, child: number, now: number): number {
  const end = endOf(trace, child);
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
  return children.length < 2
    ? children
    : children.sort(
        (a, b) => endOf(trace, b) - endOf(trace, a) || trace.offset[b] - trace.offset[a],
      );
}

export interface PathShare {
  readonly service: string;
  readonly name: string;
  readonly nanos: number;
  readonly count: number;
  /** The span that has most of it; −1 for the time in which nothing ran. */
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
  const found: PathShare[] = [...shares.values()];
  if (path.waitNanos > 0) {
    const [service, name] = ["", say("criticalPath.nothingRan")];
    found.push({ service, name, nanos: path.waitNanos, count: 0, span: -1 });
  }
  return found.sort((a, b) => b.nanos - a.nanos);
}

/** The path by service, longest first; time in which nothing ran has no service. */
export function pathByService(
  trace: Trace,
  path: CriticalPath,
): readonly { readonly service: string; readonly nanos: number }[] {
  const sums = new Map<string, number>();
  for (const { span, nanos } of path.bySelfTime) {
    const service = trace.spans[span].resource.serviceName;
    sums.set(service, (sums.get(service) ?? 0) + nanos);
  }
  if (path.waitNanos > 0) sums.set("", path.waitNanos + (sums.get("") ?? 0));
  return [...sums]
    .map(([service, nanos]) => ({ service, nanos }))
    .sort((a, b) => b.nanos - a.nanos);
}
