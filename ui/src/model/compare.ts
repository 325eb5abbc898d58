// Two sets of traces as one tree of calls: what each has, how often, how long.

import type { ShortSpan, ShortTrace } from "../api/structure.ts";
import { nameShape } from "./repeats.ts";
import { percentile } from "./span-table.ts";
import type { Trace } from "./trace.ts";

export interface SideFigures {
  /** Spans in a trace, on average over all traces of the side. */
  readonly perTrace: number;
  readonly errors: number;
  readonly count: number;
  readonly p50Nanos: number;
  readonly p95Nanos: number;
  /** Own time in a trace, on average. */
  readonly selfNanos: number;
}

export interface ComparedCall {
  readonly service: string;
  readonly name: string;
  readonly depth: number;
  readonly a: SideFigures;
  readonly b: SideFigures;
  /** Own time in a trace that A has more than B; nanoseconds. */
  readonly differenceNanos: number;
}

export interface Comparison {
  /** In tree order, callers before callees. */
  readonly calls: readonly ComparedCall[];
  readonly a: SideSummary;
  readonly b: SideSummary;
}

export interface SideSummary {
  readonly traces: number;
  readonly failed: number;
  readonly sorted: Float64Array;
  readonly spansPerTrace: number;
}

interface Draft {
  readonly service: string;
  readonly name: string;
  readonly depth: number;
  readonly children: Map<string, number>;
  readonly sides: readonly [DraftSide, DraftSide];
}

interface DraftSide {
  readonly nanos: number[];
  errors: number;
  self: number;
}

/** More paths than this are no picture; what comes later is counted with its caller. */
const CALLS_MAX = 4000;

export function compare(a: readonly ShortTrace[], b: readonly ShortTrace[]): Comparison {
  const drafts: Draft[] = [];
  const top = new Map<string, number>();
  a.forEach((trace) => {
    addTrace(drafts, top, trace, 0);
  });
  b.forEach((trace) => {
    addTrace(drafts, top, trace, 1);
  });
  const calls: ComparedCall[] = [];
  const stack = [...top.values()].reverse();
  while (stack.length > 0) {
    const draft = drafts[stack.pop() as number];
    const sides = [figuresOf(draft.sides[0], a.length), figuresOf(draft.sides[1], b.length)];
    calls.push({
      service: draft.service,
      name: draft.name,
      depth: draft.depth,
      a: sides[0],
      b: sides[1],
      differenceNanos: sides[0].selfNanos - sides[1].selfNanos,
    });
    stack.push(...[...draft.children.values()].reverse());
  }
  return { calls, a: summaryOf(a), b: summaryOf(b) };
}

function addTrace(drafts: Draft[], top: Map<string, number>, trace: ShortTrace, side: 0 | 1): void {
  const spans = [...trace.spans].sort((x, y) => x.left - y.left);
  const placeOf = new Map<number, number>();
  const childNanos = new Map<number, number>();
  for (const span of spans) {
    childNanos.set(span.parentLeft, (childNanos.get(span.parentLeft) ?? 0) + span.durationNanos);
  }
  for (const span of spans) {
    const parent = span.parentLeft > 0 ? placeOf.get(span.parentLeft) : undefined;
    const place = placeFor(drafts, top, span, parent);
    if (span.left > 0) placeOf.set(span.left, place);
    const sideDraft = drafts[place].sides[side];
    sideDraft.nanos.push(span.durationNanos);
    // Children that ran at the same time may sum up to more than their parent took.
    const inChildren = span.left > 0 ? (childNanos.get(span.left) ?? 0) : 0;
    sideDraft.self += Math.max(0, span.durationNanos - inChildren);
    if (span.isError) sideDraft.errors += 1;
  }
}

function placeFor(
  drafts: Draft[],
  top: Map<string, number>,
  span: ShortSpan,
  parent: number | undefined,
): number {
  const siblings = parent === undefined ? top : drafts[parent].children;
  const name = nameShape(span.name);
  const key = `${span.service}\n${name}`;
  const known = siblings.get(key);
  if (known !== undefined) return known;
  if (drafts.length >= CALLS_MAX && parent !== undefined) return parent;
  const side = (): DraftSide => ({ nanos: [], errors: 0, self: 0 });
  drafts.push({
    service: span.service,
    name,
    depth: parent === undefined ? 0 : drafts[parent].depth + 1,
    children: new Map(),
    sides: [side(), side()],
  });
  siblings.set(key, drafts.length - 1);
  return drafts.length - 1;
}

function figuresOf(side: DraftSide, traces: number): SideFigures {
  const sorted = Float64Array.from(side.nanos).sort();
  return {
    perTrace: side.nanos.length / Math.max(1, traces),
    errors: side.errors,
    count: side.nanos.length,
    p50Nanos: percentile(sorted, 0.5),
    p95Nanos: percentile(sorted, 0.95),
    selfNanos: side.self / Math.max(1, traces),
  };
}

function summaryOf(traces: readonly ShortTrace[]): SideSummary {
  const spans = traces.reduce((sum, trace) => sum + trace.spans.length + trace.leftOut, 0);
  return {
    traces: traces.length,
    failed: traces.filter((trace) => trace.spans.some((span) => span.isError)).length,
    sorted: Float64Array.from(traces, (trace) => trace.durationNanos).sort(),
    spansPerTrace: spans / Math.max(1, traces.length),
  };
}

/** A whole trace in the short form of many. */
export function shortTrace(trace: Trace, traceId: ShortTrace["traceId"]): ShortTrace {
  return {
    traceId,
    durationNanos: trace.durationNanos,
    leftOut: 0,
    spans: trace.spans.map((span, i) => ({
      service: span.resource.serviceName,
      name: span.name,
      kind: span.kind,
      isError: span.status === "error",
      durationNanos: trace.duration[i],
      left: i + 1,
      parentLeft: trace.parent[i] + 1,
    })),
  };
}

/** For each call the one that made it, by place; −1 for the first. The calls are in tree order. */
export function callersOf(calls: readonly Pick<ComparedCall, "depth">[]): readonly number[] {
  /** By depth: the last call seen there. */
  const open: number[] = [];
  return calls.map(({ depth }, at) => {
    open.length = depth;
    open[depth] = at;
    return depth > 0 ? (open[depth - 1] ?? -1) : -1;
  });
}
