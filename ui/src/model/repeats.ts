// Repeated siblings: the same operation of the same service, again and again below one parent.
// The loop that asks a database for each row is found by this, and a thousand rows become one.

import type { Trace } from "./trace.ts";

export interface Repeat {
  /** Siblings in tree order. */
  readonly spans: Int32Array;
  /** Their common name; where only digits differ, `…` stands for these. */
  readonly name: string;
  readonly sumNanos: number;
  /** Time in which at least one of them ran: less than the sum where they ran side by side. */
  readonly coveredNanos: number;
  readonly minNanos: number;
  readonly maxNanos: number;
  /** From the first start to the last end. */
  readonly from: number;
  readonly to: number;
  readonly errorCount: number;
  /** All spans in it, with what is below the siblings. */
  readonly spanCount: number;
}

/** Fewer siblings are quicker read one by one. */
const REPEAT_MIN = 4;
/** Siblings with more below them carry a story of their own, and fold only from this number on. */
const SMALL_SUBTREE_MAX = 8;
const LARGE_REPEAT_MIN = 10;

/** The siblings, with each repeat as one item in the place of its first span. */
export function groupRepeats(
  trace: Trace,
  siblings: readonly number[],
): readonly (number | Repeat)[] {
  if (siblings.length < REPEAT_MIN) return siblings;
  const groups = new Map<string, number[]>();
  const groupOf = siblings.map((span) => {
    const key = repeatKey(trace, span);
    const group = groups.get(key) ?? [];
    if (group.length === 0) groups.set(key, group);
    group.push(span);
    return group;
  });
  if (groups.size === siblings.length) return siblings;
  const folded = new Set([...groups.values()].filter((group) => isRepeat(trace, group)));
  if (folded.size === 0) return siblings;
  const items: (number | Repeat)[] = [];
  siblings.forEach((span, at) => {
    const group = groupOf[at];
    if (!folded.has(group)) items.push(span);
    else if (group[0] === span) items.push(repeatOf(trace, group));
  });
  return items;
}

/** The same repeat in one or more places of a trace. */
export interface RepeatedOperation {
  readonly service: string;
  readonly name: string;
  readonly spanCount: number;
  readonly sumNanos: number;
  /** Time in which at least one of them ran, place by place. */
  readonly coveredNanos: number;
  readonly errorCount: number;
  /** How many parents have it below them. */
  readonly placeCount: number;
  /** The first span of the repeat that took longest. */
  readonly span: number;
}

/**
 * Repeats of the whole trace by operation. First those that were running longest by the clock: a loop of a thousand
 * calls one after the other matters more than as many side by side, though the sum of these is larger.
 */
export function repeatedOperations(
  trace: Trace,
  childrenOf: (parent: number) => readonly number[],
): readonly RepeatedOperation[] {
  const found = new Map<string, RepeatedOperation & { longestNanos: number }>();
  for (let parent = -1; parent < trace.spans.length; parent++) {
    if (parent >= 0 && trace.subtreeSize[parent] <= REPEAT_MIN) continue;
    for (const item of groupRepeats(trace, childrenOf(parent))) {
      if (typeof item === "number") continue;
      const key = repeatKey(trace, item.spans[0]);
      const known = found.get(key);
      const isLongest = known === undefined || item.sumNanos > known.longestNanos;
      found.set(key, {
        service: trace.spans[item.spans[0]].resource.serviceName,
        name: known && known.name !== item.name ? nameShape(item.name) : item.name,
        spanCount: (known?.spanCount ?? 0) + item.spans.length,
        sumNanos: (known?.sumNanos ?? 0) + item.sumNanos,
        coveredNanos: (known?.coveredNanos ?? 0) + item.coveredNanos,
        errorCount: (known?.errorCount ?? 0) + item.errorCount,
        placeCount: (known?.placeCount ?? 0) + 1,
        span: isLongest ? item.spans[0] : known.span,
        longestNanos: isLongest ? item.sumNanos : known.longestNanos,
      });
    }
  }
  return [...found.values()].sort(
    (a, b) => b.coveredNanos - a.coveredNanos || b.spanCount - a.spanCount,
  );
}

function isRepeat(trace: Trace, group: readonly number[]): boolean {
  if (group.length < REPEAT_MIN) return false;
  if (group.length >= LARGE_REPEAT_MIN) return true;
  return group.every((span) => trace.subtreeSize[span] <= SMALL_SUBTREE_MAX);
}

const shapes = new Map<string, string>();
const SHAPES_MAX = 20_000;

/** A name with its numbers and hexadecimal IDs left out, remembered. */
export function nameShape(name: string): string {
  let shape = shapes.get(name);
  if (shape === undefined) {
    if (shapes.size >= SHAPES_MAX) shapes.clear();
    shape = name.replace(/\b[0-9a-f]{8}[0-9a-f-]*\b|\d+/gi, "…");
    shapes.set(name, shape);
  }
  return shape;
}

function repeatKey(trace: Trace, span: number): string {
  return `${trace.service[span]} ${trace.spans[span].kind} ${nameShape(trace.spans[span].name)}`;
}

function repeatOf(trace: Trace, group: readonly number[]): Repeat {
  const first = trace.spans[group[0]].name;
  let isSameName = true;
  let sumNanos = 0;
  let minNanos = Number.POSITIVE_INFINITY;
  let maxNanos = 0;
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  let errorCount = 0;
  let spanCount = 0;
  let coveredNanos = 0;
  // Siblings stand by start.
  let coveredTo = Number.NEGATIVE_INFINITY;
  for (const span of group) {
    const duration = trace.duration[span];
    const start = Math.max(coveredTo, trace.offset[span]);
    coveredTo = Math.max(coveredTo, trace.offset[span] + duration);
    coveredNanos += Math.max(0, coveredTo - start);
    if (trace.spans[span].name !== first) isSameName = false;
    if (trace.spans[span].status === "error") errorCount += 1;
    sumNanos += duration;
    minNanos = Math.min(minNanos, duration);
    maxNanos = Math.max(maxNanos, duration);
    from = Math.min(from, trace.offset[span]);
    to = Math.max(to, trace.offset[span] + duration);
    spanCount += trace.subtreeSize[span];
  }
  return {
    spans: Int32Array.from(group),
    name: isSameName ? first : nameShape(first),
    sumNanos,
    coveredNanos,
    minNanos,
    maxNanos,
    from,
    to,
    errorCount,
    spanCount,
  };
}
