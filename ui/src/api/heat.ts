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
const COLUMNS_MIN = 8;

/** How long the spans took that a query matches, all of them, over time. */
export function fetchHeat(
  parameters: HeatParameters,
  signal?: AbortSignal,
): Promise<Result<SpanHeat>> {
  const { startSeconds: start, endSeconds: end } = parameters;
  const step = `${stepSeconds(parameters)}s`;
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
  const from = crowdedFrom(whole.value.heat);
  if (from === null || stepSeconds(parameters) === 1) return whole;
  const startSeconds = closerStart(from, parameters.endSeconds);
  return fetchHeat({ ...parameters, startSeconds }, signal);
}

/** From there on, but not less than some columns of a second, the finest there is. */
export function closerStart(fromMillis: number, endSeconds: number): number {
  return Math.min(Math.floor(fromMillis / 1000), endSeconds - COLUMNS_MIN);
}

function stepSeconds({ startSeconds, endSeconds, columns }: HeatParameters): number {
  return Math.max(1, Math.ceil((endSeconds - startSeconds) / columns));
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
