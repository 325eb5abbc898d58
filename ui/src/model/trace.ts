// A trace as the pages use it: spans in tree order (a parent before its children, siblings by
// start), with parallel arrays for what is drawn each frame. Built once for each answer.

import type { Span } from "../api/otlp.ts";
import type { SpanId } from "../base/ids.ts";
import { say } from "../base/say.ts";
import { formatDuration, type Nanos, nanos } from "../base/time.ts";
import type { Notice } from "./notice.ts";
import { traceNotices } from "./notice.ts";
import { Oddity, orderSpans } from "./tree.ts";

export interface ServiceSummary {
  readonly name: string;
  readonly spanCount: number;
  readonly errorCount: number;
}

/** All arrays have one entry a span, in tree order. */
export interface Trace {
  readonly spans: readonly Span[];
  /** Index of the parent, −1 for a root. */
  readonly parent: Int32Array;
  readonly depth: Int32Array;
  /** The span itself and everything below it: the next `subtreeSize` entries. */
  readonly subtreeSize: Int32Array;
  /** Nanoseconds from `start`, held within the trace's length. */
  readonly offset: Float64Array;
  /** Nanoseconds, held within the trace's length; never negative. */
  readonly duration: Float64Array;
  /** Place in `services`. */
  readonly service: Int32Array;
  /** Bits of `Oddity`. */
  readonly oddities: Uint16Array;
  readonly services: readonly ServiceSummary[];
  readonly start: Nanos;
  readonly durationNanos: number;
  readonly depthMax: number;
  readonly errorCount: number;
  readonly indexById: ReadonlyMap<SpanId, number>;
  readonly notices: readonly Notice[];
}

/** Times outside of these are taken for a broken clock, and do not stretch the picture. */
const PLAUSIBLE_FROM = 946_684_800_000_000_000n; // the year 2000
const PLAUSIBLE_AHEAD = 86_400_000_000_000n; // one day
/** Clocks of healthy machines differ by less. */
const FUTURE_TOLERANCE = 60_000_000_000n;

export function buildTrace(received: readonly Span[], now: Nanos): Trace {
  const { order, parent, depth, subtreeSize, oddities } = orderSpans(received);
  const count = order.length;
  const spans = Array.from(order, (at) => received[at]);
  const latest = now + PLAUSIBLE_AHEAD;
  const soon = now + FUTURE_TOLERANCE;
  const range = plausibleRange(spans, now, latest);
  const length = Number(range.end - range.start);

  const offset = new Float64Array(count);
  const duration = new Float64Array(count);
  const service = new Int32Array(count);
  const servicePlaces = new Map<string, number>();
  const services: { name: string; spanCount: number; errorCount: number }[] = [];
  const indexById = new Map<SpanId, number>();
  let depthMax = 0;
  let errorCount = 0;
  for (let i = 0; i < count; i++) {
    const span = spans[i];
    const isTimed = span.start !== 0n;
    const above = parent[i];
    const start = isTimed ? Number(span.start - range.start) : above < 0 ? 0 : offset[above];
    const ownLength = isTimed ? Number(span.end - span.start) : 0;
    if (!isTimed) oddities[i] |= Oddity.TimeMissing;
    const from = Math.min(length, Math.max(0, start));
    const to = Math.min(length, Math.max(from, start + ownLength));
    offset[i] = from;
    duration[i] = to - from;
    if (isTimed && span.end === 0n) oddities[i] |= Oddity.EndMissing;
    else if (ownLength < 0) oddities[i] |= Oddity.EndsBeforeStart;
    if (span.start > soon) oddities[i] |= Oddity.InFuture;
    if (start !== from && length > 0) oddities[i] |= Oddity.OutOfRange;
    if (span.spanId !== null && !indexById.has(span.spanId)) indexById.set(span.spanId, i);
    if (depth[i] > depthMax) depthMax = depth[i];

    const name = span.resource.serviceName;
    let place = servicePlaces.get(name);
    if (place === undefined) {
      place = services.length;
      servicePlaces.set(name, place);
      services.push({ name, spanCount: 0, errorCount: 0 });
    }
    service[i] = place;
    services[place].spanCount += 1;
    if (span.status === "error") {
      services[place].errorCount += 1;
      errorCount += 1;
    }
  }

  return {
    spans,
    parent,
    depth,
    subtreeSize,
    offset,
    duration,
    service,
    oddities,
    services,
    start: range.start,
    durationNanos: length,
    depthMax: count === 0 ? 0 : depthMax + 1,
    errorCount,
    indexById,
    notices: traceNotices(spans, parent, oddities),
  };
}

/** The roots, earliest first. */
export function rootsOf(trace: Trace): readonly number[] {
  const roots: number[] = [];
  for (let i = 0; i < trace.spans.length; i += trace.subtreeSize[i]) roots.push(i);
  return roots;
}

/**
 * The span that names the trace: the first root whose parent is not merely missing; where all parents are missing, the
 * one that took longest.
 */
export function mainRoot(trace: Trace): number {
  const roots = rootsOf(trace);
  const root = roots.find((one) => (trace.oddities[one] & Oddity.ParentMissing) === 0);
  if (root !== undefined) return root;
  return roots.reduce(
    (longest, one) =>
      longest < 0 || trace.duration[one] > trace.duration[longest] ? one : longest,
    -1,
  );
}

/** How long a span took, or why that cannot be said. */
export function durationText(trace: Trace, index: number): string {
  const odd = trace.oddities[index];
  if ((odd & Oddity.TimeMissing) !== 0) return say("trace.noTime");
  if ((odd & Oddity.EndMissing) !== 0) return say("trace.noEnd");
  if ((odd & Oddity.EndsBeforeStart) !== 0) return say("trace.endsBeforeItStarts");
  if ((odd & Oddity.OutOfRange) !== 0) return say("trace.farOffInTime");
  return formatDuration(trace.duration[index]);
}

export function childrenOf(trace: Trace, index: number): readonly number[] {
  const children: number[] = [];
  const end = index + trace.subtreeSize[index];
  for (let at = index + 1; at < end; at += trace.subtreeSize[at]) children.push(at);
  return children;
}

/** First start and last end; implausible times count only where there are no others. */
function plausibleRange(
  spans: readonly Span[],
  now: Nanos,
  latest: bigint,
): { readonly start: Nanos; readonly end: Nanos } {
  if (spans.length === 0) return { start: now, end: now };
  const isPlausible = (time: bigint) => time >= PLAUSIBLE_FROM && time <= latest;
  const usable = spans.filter((span) => isPlausible(span.start));
  const chosen = usable.length > 0 ? usable : spans;
  let start = chosen[0].start as bigint;
  let end = start;
  for (const span of chosen) {
    if (span.start < start) start = span.start;
    if (span.start > end) end = span.start;
    if (span.end > end && (usable.length === 0 || isPlausible(span.end))) end = span.end;
  }
  return { start: nanos(start), end: nanos(end) };
}
