import { crowdedFrom, type Heat, type HeatPoint, heatOf, usedFrom } from "../base/heat.ts";
import { type SpanId, spanId, type TraceId, traceId } from "../base/ids.ts";
import {
  asArray,
  asNumber,
  asNumberOrNull,
  asObject,
  asString,
  asStringMap,
} from "../base/json.ts";
import { type Result, success } from "../base/result.ts";
import { type Nanos, nanosFromSeconds } from "../base/time.ts";
import { getJson } from "./client.ts";
import { closerStart } from "./heat.ts";

export interface Exemplar {
  readonly seriesLabels: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly time: Nanos;
  readonly traceId: TraceId | null;
  readonly spanId: SpanId | null;
}

export interface Exemplars {
  /** All that the wanted series have in the range. */
  readonly count: number;
  /** The newest of them, or some of all times and values, as was asked; newest first. */
  readonly dots: readonly Exemplar[];
  /** All of them by time and value, in the metric's own unit. */
  readonly heat: Heat;
  /** Metrics that have exemplars in the range, whatever is asked for; those with most first. */
  readonly metrics: readonly { readonly name: string; readonly count: number }[];
  /** Of all exemplars seen lately, the share whose trace is held, 0 to 1; null where there are none. */
  readonly hitRatio: number | null;
}

export interface ExemplarParameters {
  /** PromQL, of which the selectors count. */
  readonly query: string;
  /** Unix seconds. */
  readonly startSeconds: number;
  readonly endSeconds: number;
}

export interface ExemplarField {
  readonly fromMillis: number;
  readonly toMillis: number;
  readonly low: number;
  readonly high: number;
}

/** A column of the picture holds some thousands at most. */
const FIELD_MAX = 5000;
/** As many as a page lists and draws; the counts are of all. */
const NEWEST_MAX = 300;
const COLUMNS = 120;
/** The newest of thousands all stand at the right edge; so others are asked for. */
const SPREAD_MAX = 96;

/** Exemplars of a range, or of the part of it that has any. */
export async function fetchExemplars(
  parameters: ExemplarParameters,
  signal?: AbortSignal,
): Promise<Result<Exemplars>> {
  const found = await ask(parameters, { limit: NEWEST_MAX }, signal);
  if (!found.ok) return found;
  const from = crowdedFrom(found.value.heat);
  if (from === null) return found;
  const startSeconds = closerStart(from, parameters.endSeconds);
  return ask({ ...parameters, startSeconds }, { limit: NEWEST_MAX }, signal);
}

/** Some exemplars of all times and values that are drawn, to be dots there. */
export async function fetchSpread(
  query: string,
  heat: Heat,
  signal?: AbortSignal,
): Promise<Result<readonly Exemplar[]>> {
  const startSeconds = Math.floor((usedFrom(heat) ?? heat.fromMillis) / 1000);
  const endSeconds = Math.ceil(heat.toMillis / 1000);
  const found = await ask({ query, startSeconds, endSeconds }, { spread: SPREAD_MAX }, signal);
  return found.ok ? success(found.value.dots) : found;
}

/** Of one stretch of time and values, the newest first. */
export async function fetchField(
  query: string,
  field: ExemplarField,
  signal?: AbortSignal,
): Promise<Result<readonly Exemplar[]>> {
  const startSeconds = Math.floor(field.fromMillis / 1000);
  const endSeconds = Math.ceil(field.toMillis / 1000);
  const found = await ask({ query, startSeconds, endSeconds }, { limit: FIELD_MAX }, signal);
  if (!found.ok) return found;
  return success(
    found.value.dots.filter(({ value, time }) => {
      const millis = Number(time / 1_000_000n);
      const isThen = millis >= field.fromMillis && millis <= field.toMillis;
      return isThen && value > field.low && value <= field.high;
    }),
  );
}

function ask(
  { query, startSeconds: start, endSeconds: end }: ExemplarParameters,
  dots: { readonly limit: number } | { readonly spread: number },
  signal?: AbortSignal,
): Promise<Result<Exemplars>> {
  const step = `${Math.max(1, Math.ceil((end - start) / COLUMNS))}s`;
  return getJson(
    "/api/sigyn/v1/exemplars",
    { query, start, end, step, ...dots },
    parseExemplars,
    signal,
  );
}

export function parseExemplars(json: unknown): Exemplars {
  const answer = asObject(json);
  const dots = asArray(answer.dots)
    .map(asObject)
    .map((dot) => ({
      seriesLabels: asStringMap(dot.seriesLabels),
      labels: asStringMap(dot.labels),
      value: asNumber(dot.value),
      time: nanosFromSeconds(asNumber(dot.timestamp)),
      traceId: traceId(asString(dot.traceId)),
      spanId: spanId(asString(dot.spanId)),
    }));
  const metrics = Object.entries(asObject(answer.metrics))
    .map(([name, count]) => ({ name, count: asNumber(count) }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  return {
    count: asNumber(answer.exemplars, dots.length),
    dots,
    heat: parseGrid(json),
    metrics,
    hitRatio: asNumberOrNull(answer.hitRatio),
  };
}

function parseGrid(json: unknown): Heat {
  const answer = asObject(json);
  const times = asArray(answer.timesUnixMilli).map((time) => asNumber(time));
  const stepMillis = asNumber(answer.stepNanos) / 1e6 || 1000;
  const points: readonly HeatPoint[] = asArray(answer.rows)
    .map(asObject)
    .flatMap((row) =>
      asArray(row.counts).map((count, at) => ({
        atMillis: times[at] ?? 0,
        bound: asNumber(row.valueMax),
        count: asNumber(count),
      })),
    );
  const from = (times[0] ?? 0) - stepMillis;
  return heatOf(points, from, times.at(-1) ?? from + stepMillis, stepMillis);
}
