import { crowdedFrom, type Heat, heatOf } from "../base/heat.ts";
import { type SpanId, spanId, type TraceId, traceId } from "../base/ids.ts";
import { asArray, asNumber, asObject, asString } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

export interface HeatParameters {
  readonly query: string;
  /** Unix seconds. */
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly columns: number;
}

/** A span that the server names from among those it counts. */
export interface NamedSpan {
  readonly traceId: TraceId;
  readonly spanId: SpanId | null;
  readonly atMillis: number;
  readonly durationNanos: number;
  /** Whether a metric has it as an exemplar. */
  readonly isExemplar: boolean;
}

export interface SpanHeat {
  readonly heat: Heat;
  readonly spans: readonly NamedSpan[];
}

const NAMED_MAX = 100;
/** A picture of less is not asked for of itself. */
const CLOSEST_SECONDS = 8;
/** Widths of a column below a second. */
const SHORT_STEPS_MILLIS = [50, 100, 200, 250, 500];

/** How long the spans took that a query matches, all of them, over time. */
export function fetchHeat(
  parameters: HeatParameters,
  signal?: AbortSignal,
): Promise<Result<SpanHeat>> {
  const { startSeconds: start, endSeconds: end } = parameters;
  const step = `${stepMillis(parameters)}ms`;
  const q = parameters.query.trim() || "{ }";
  const asked = { q, start, end, step, exemplars: NAMED_MAX };
  return getJson("/api/sigyn/v1/heatmap", asked, parseSpanHeat, signal);
}

/**
 * The same, of the part of the range that has any. The five minutes that a server has been running are a sliver of
 * the last hour, and the empty rest says nothing.
 */
export async function fetchFittedHeat(
  parameters: HeatParameters,
  signal?: AbortSignal,
): Promise<Result<SpanHeat>> {
  const whole = await fetchHeat(parameters, signal);
  if (!whole.ok) return whole;
  const { startSeconds: start, endSeconds: end } = parameters;
  const from = crowdedFrom(whole.value.heat);
  if (from === null || end - start <= CLOSEST_SECONDS) return whole;
  const startSeconds = closerStart(from, parameters.endSeconds);
  return fetchHeat({ ...parameters, startSeconds }, signal);
}

/** From there on, but not less than some seconds. */
export function closerStart(fromMillis: number, endSeconds: number): number {
  return Math.min(Math.floor(fromMillis / 1000), endSeconds - CLOSEST_SECONDS);
}

/** A round width that gives at most so many columns. */
export function stepMillis({ startSeconds, endSeconds, columns }: HeatParameters): number {
  const least = ((endSeconds - startSeconds) * 1000) / columns;
  const short = SHORT_STEPS_MILLIS.find((millis) => millis >= least);
  return short ?? Math.ceil(least / 1000) * 1000;
}

export function parseSpanHeat(json: unknown): SpanHeat {
  const spans = asArray(asObject(json).exemplars)
    .map(asObject)
    .flatMap((one) => {
      const trace = traceId(asString(one.traceId));
      if (trace === null) return [];
      return {
        traceId: trace,
        spanId: spanId(asString(one.spanId)),
        atMillis: asNumber(one.timeUnixMilli),
        durationNanos: asNumber(one.durationNanos),
        isExemplar: one.isExemplar === true,
      };
    });
  return { heat: parseHeat(json), spans };
}

export function parseHeat(json: unknown): Heat {
  const answer = asObject(json);
  const stepMillis = asNumber(answer.stepNanos) / 1e6 || 1000;
  const times = asArray(answer.timesUnixMilli).map((time) => asNumber(time));
  const points = asArray(answer.rows)
    .map(asObject)
    .flatMap((row) =>
      asArray(row.counts).map((count, at) => ({
        atMillis: times[at] ?? 0,
        bound: asNumber(row.durationNanosMax),
        count: asNumber(count),
      })),
    );
  const from = (times[0] ?? 0) - stepMillis;
  return heatOf(points, from, times.at(-1) ?? from + stepMillis, stepMillis);
}
