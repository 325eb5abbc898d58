// Clock skew: a callee that begins before its caller called, or answers after the caller had the
// answer, was stamped by another clock. Nothing is moved unless a person asks for it; what would be
// moved, and by how much, is always said.

import type { Span } from "../api/otlp.ts";
import { type Nanos, nanos } from "../base/time.ts";
import type { TimeSpan } from "../base/timescale.ts";
import type { Trace } from "./trace.ts";
import { Oddity } from "./tree.ts";

/** One machine's (or process') clock, as far as this trace shows it. */
export interface SkewedClock {
  readonly name: string;
  /** Nanoseconds that its stamps are ahead of its callers' (below zero: behind). Median of its calls. */
  readonly aheadNanos: number;
  /** Calls that show it. */
  readonly callCount: number;
  /** The first of these calls' callee. */
  readonly span: number;
}

export interface Skew {
  readonly clocks: readonly SkewedClock[];
  /** By span: nanoseconds to add to its times. */
  readonly shift: Float64Array;
}

/** Less than this is how well synchronised machines differ, and nobody would see it. */
const SKEW_NANOS_MIN = 20_000;

const HOST_KEYS = [
  "service.instance.id",
  "k8s.pod.uid",
  "k8s.pod.name",
  "host.id",
  "host.name",
  "instance",
];

/** What tells one clock from another: the instance where it is known, else the service. */
export function clockName(span: Span): string {
  const { attributes, serviceName } = span.resource;
  for (const key of HOST_KEYS) {
    const found = attributes.find((attribute) => attribute.key === key);
    if (found) return `${serviceName} (${found.text})`;
  }
  return serviceName;
}

export function findSkew(trace: Trace): Skew {
  const count = trace.spans.length;
  const shift = new Float64Array(count);
  const names = new Map<object, string>();
  const nameOf = (span: number) => {
    const { resource } = trace.spans[span];
    let name = names.get(resource);
    if (name === undefined) {
      name = clockName(trace.spans[span]);
      names.set(resource, name);
    }
    return name;
  };
  const calls = new Map<string, { ahead: number[]; span: number }>();
  // A parent stands before its children, so its own shift is known when they come.
  for (let i = 0; i < count; i++) {
    const parent = trace.parent[i];
    if (parent < 0) continue;
    if (nameOf(parent) === nameOf(i)) {
      shift[i] = shift[parent];
      continue;
    }
    const ahead = aheadOf(trace, parent, i);
    if (ahead === 0) continue;
    shift[i] = shift[parent] - ahead;
    const name = nameOf(i);
    const known = calls.get(name);
    if (known) known.ahead.push(ahead);
    else calls.set(name, { ahead: [ahead], span: i });
  }
  const clocks = [...calls].map(([name, { ahead, span }]) => ({
    name,
    aheadNanos: median(ahead),
    callCount: ahead.length,
    span,
  }));
  clocks.sort((a, b) => Math.abs(b.aheadNanos) - Math.abs(a.aheadNanos));
  return { clocks, shift };
}

/** How far the callee's clock must be ahead for this picture; 0 where the picture is possible. */
function aheadOf(trace: Trace, parent: number, child: number): number {
  const [up, down] = [trace.spans[parent], trace.spans[child]];
  // Only a call that is waited for must lie within its caller; a message may be read any time later.
  if (down.kind === "consumer" || up.start === 0n || down.start === 0n) return 0;
  const start = Number(down.start - up.start);
  const room = Number(up.end - up.start);
  const length = Number(down.end - down.start);
  if (length < 0 || room < 0) return 0;
  const isCall = down.kind === "server" && up.kind === "client";
  const isEarly = start < -SKEW_NANOS_MIN;
  const isLate = isCall && start + length > room + SKEW_NANOS_MIN;
  if (!isEarly && !isLate) return 0;
  if (length > room) return isEarly ? start : 0;
  return start - (room - length) / 2;
}

/** Where skewed spans make up more of a trace's length than this, the rest is what a reader looks for first. */
const STRETCH_SHARE_MIN = 0.4;

/** The times of the spans whose clocks agree with the root's; null where the others do not stretch the trace much. */
export function agreedExtent(trace: Trace, skew: Skew): TimeSpan | null {
  if (skew.clocks.length === 0) return null;
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (let i = 0; i < trace.spans.length; i++) {
    if (skew.shift[i] !== 0 || (trace.oddities[i] & Oddity.TimeMissing) !== 0) continue;
    from = Math.min(from, trace.offset[i]);
    to = Math.max(to, trace.offset[i] + trace.duration[i]);
  }
  return to > from && to - from < trace.durationNanos * (1 - STRETCH_SHARE_MIN)
    ? { from, to }
    : null;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** The spans with their times moved; events move along. */
export function correctedSpans(trace: Trace, skew: Skew): readonly Span[] {
  return trace.spans.map((span, i) => {
    const by = BigInt(Math.round(skew.shift[i]));
    return by === 0n ? span : new MovedSpan(span, by);
  });
}

/** A span whose clock is read differently. All else is asked of the span as it came. */
class MovedSpan implements Span {
  readonly start: Nanos;
  readonly end: Nanos;
  readonly #span: Span;
  readonly #by: bigint;

  constructor(span: Span, by: bigint) {
    this.#span = span;
    this.#by = by;
    this.start = nanos(span.start + by);
    this.end = nanos(span.end + by);
  }

  get spanId() {
    return this.#span.spanId;
  }
  get parentSpanId() {
    return this.#span.parentSpanId;
  }
  get name() {
    return this.#span.name;
  }
  get kind() {
    return this.#span.kind;
  }
  get status() {
    return this.#span.status;
  }
  get statusMessage() {
    return this.#span.statusMessage;
  }
  get attributes() {
    return this.#span.attributes;
  }
  get events() {
    return this.#span.events.map((event) => ({ ...event, time: nanos(event.time + this.#by) }));
  }
  get links() {
    return this.#span.links;
  }
  get resource() {
    return this.#span.resource;
  }
  get scope() {
    return this.#span.scope;
  }
  get droppedCount() {
    return this.#span.droppedCount;
  }
}
