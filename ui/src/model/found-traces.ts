// Lists of found traces: joined page to page without doubles, newest or slowest first.

import type { FoundTrace } from "../api/search.ts";
import type { TraceId } from "../base/ids.ts";
import { say } from "../base/say.ts";
import { formatDuration, millisFromNanos } from "../base/time.ts";

/** A list longer than this is no reading any more; a person narrows the search. */
export const FOUND_MAX = 2000;

/** Both lists as one, newest first; of a trace that is in both the newer answer holds. */
export function newestFirst(
  older: readonly FoundTrace[],
  newer: readonly FoundTrace[],
): readonly FoundTrace[] {
  return joined(older, newer, (a, b) => (a.start === b.start ? 0 : a.start > b.start ? -1 : 1));
}

/** The same with the slowest first. */
export function slowestFirst(
  older: readonly FoundTrace[],
  newer: readonly FoundTrace[],
): readonly FoundTrace[] {
  return joined(older, newer, (a, b) => b.durationNanos - a.durationNanos);
}

function joined(
  older: readonly FoundTrace[],
  newer: readonly FoundTrace[],
  compare: (a: FoundTrace, b: FoundTrace) => number,
): readonly FoundTrace[] {
  const byId = new Map<TraceId, FoundTrace>();
  for (const trace of older) byId.set(trace.traceId, trace);
  for (const trace of newer) byId.set(trace.traceId, trace);
  return [...byId.values()]
    .sort((a, b) => compare(a, b) || (a.traceId < b.traceId ? -1 : 1))
    .slice(0, FOUND_MAX);
}

/** Buffers are read every few seconds; after this time a root that is not here will hardly come. */
const ARRIVING_MILLIS = 15_000;

/** A trace that began just now and of which other targets are still to be read: its root is not here yet. */
export function isArriving(trace: FoundTrace, nowMillis: number): boolean {
  return !trace.isRootHere && nowMillis - millisFromNanos(trace.start) < ARRIVING_MILLIS;
}

export interface FacetValue {
  readonly value: string;
  readonly count: number;
}

export interface Facet {
  /** How TraceQL calls it. */
  readonly field: string;
  readonly label: string;
  readonly values: readonly FacetValue[];
}

/** What can be counted of the traces at hand, where the server does not count. */
export function facetsOf(traces: readonly FoundTrace[]): readonly Facet[] {
  const services = new Map<string, number>();
  const operations = new Map<string, number>();
  let failed = 0;
  for (const trace of traces) {
    for (const { name } of trace.services) services.set(name, (services.get(name) ?? 0) + 1);
    if (trace.rootName !== "") {
      operations.set(trace.rootName, (operations.get(trace.rootName) ?? 0) + 1);
    }
    if (trace.errorCount > 0) failed += 1;
  }
  const counted = (counts: ReadonlyMap<string, number>) =>
    [...counts]
      .map(([value, count]) => ({ value, count }))
      .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
  return [
    {
      field: "resource.service.name",
      label: say("foundTraces.service"),
      values: counted(services),
    },
    { field: "rootName", label: say("foundTraces.rootOperation"), values: counted(operations) },
    {
      field: "status",
      label: say("foundTraces.status"),
      values: failed > 0 ? [{ value: "error", count: failed }] : [],
    },
  ];
}

/** The root's operation, or why it is not known. */
export function operationOf(trace: FoundTrace, nowMillis: number): string {
  if (trace.isRootHere) return trace.rootName || say("noName");
  return isArriving(trace, nowMillis)
    ? say("foundTraces.rootSpanNotReceivedYet")
    : say("foundTraces.rootSpanMissing");
}

/** Spans without times make the trace's start and length what no clock has said. */
export function isTimed(trace: FoundTrace): boolean {
  return trace.start > 0n;
}

export function durationOf(trace: FoundTrace): string {
  return isTimed(trace) ? formatDuration(trace.durationNanos) : say("trace.noTime");
}

/** A list whose longest trace is this many times its median has one that dwarfs the others. */
const DWARFING = 8;
const STRIP_QUANTILE = 0.9;
/** Nor may a few that are: clocks that differ by days make traces of days. */
const MEDIANS_MAX = 16;

/** The duration that a full strip stands for: the longest, unless it would make points of all others. */
export function fullStripNanos(traces: readonly FoundTrace[]): number {
  const sorted = traces
    .filter(isTimed)
    .map((trace) => trace.durationNanos)
    .sort((a, b) => a - b);
  const longest = sorted.at(-1) ?? 1;
  const median = sorted[sorted.length >> 1] ?? 1;
  if (longest <= median * DWARFING) return Math.max(1, longest);
  const upper = sorted[Math.floor(sorted.length * STRIP_QUANTILE)] ?? longest;
  return Math.max(1, Math.min(upper, median * MEDIANS_MAX));
}
