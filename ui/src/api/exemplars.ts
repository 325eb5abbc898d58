import { crowdedFrom, type Heat, type HeatPoint, heatOf, usedFrom } from "../base/heat.ts";
import { type SpanId, spanId, type TraceId, traceId } from "../base/ids.ts";
import { asArray, asNumber, asObject, asString, asStringMap } from "../base/json.ts";
import { type Result, success } from "../base/result.ts";
import { type Nanos, nanosFromSeconds } from "../base/time.ts";
import { getJson, getText } from "./client.ts";
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
  /** The newest of them, newest first. */
  readonly newest: readonly Exemplar[];
  /** All of them by time and value, in the metric's own unit. */
  readonly heat: Heat;
  /** Metrics that have exemplars in the range, whatever is asked for; those with most first. */
  readonly metrics: readonly { readonly name: string; readonly count: number }[];
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
/** The newest of thousands all stand at the right edge; so each part of the range is asked for its own. */
const PARTS = 12;
const PART_DOTS_MAX = 16;

/** Exemplars of a range, or of the part of it that has any. */
export async function fetchExemplars(
  parameters: ExemplarParameters,
  signal?: AbortSignal,
): Promise<Result<Exemplars>> {
  const found = await ask(parameters, NEWEST_MAX, signal);
  if (!found.ok) return found;
  const from = crowdedFrom(found.value.heat);
  if (from === null) return found;
  const startSeconds = closerStart(from, parameters.endSeconds);
  return ask({ ...parameters, startSeconds }, NEWEST_MAX, signal);
}

/** Some exemplars of each part of the time that is drawn, to be dots on it. */
export async function fetchSpread(
  query: string,
  heat: Heat,
  signal?: AbortSignal,
): Promise<Result<readonly Exemplar[]>> {
  const start = (usedFrom(heat) ?? heat.fromMillis) / 1000;
  const part = (heat.toMillis / 1000 - start) / PARTS;
  const parts = await Promise.all(
    Array.from({ length: PARTS }, (_, i) => {
      const startSeconds = Math.floor(start + i * part);
      const endSeconds = Math.ceil(start + (i + 1) * part);
      return ask({ query, startSeconds, endSeconds }, PART_DOTS_MAX, signal);
    }),
  );
  return success(parts.flatMap((one) => (one.ok ? one.value.newest : [])));
}

/** Of one stretch of time and values, the newest first. */
export async function fetchField(
  query: string,
  field: ExemplarField,
  signal?: AbortSignal,
): Promise<Result<readonly Exemplar[]>> {
  const startSeconds = Math.floor(field.fromMillis / 1000);
  const endSeconds = Math.ceil(field.toMillis / 1000);
  const found = await ask({ query, startSeconds, endSeconds }, FIELD_MAX, signal);
  if (!found.ok) return found;
  return success(
    found.value.newest.filter(({ value, time }) => {
      const millis = Number(time / 1_000_000n);
      const isThen = millis >= field.fromMillis && millis <= field.toMillis;
      return isThen && value > field.low && value <= field.high;
    }),
  );
}

function ask(
  { query, startSeconds: start, endSeconds: end }: ExemplarParameters,
  limit: number,
  signal?: AbortSignal,
): Promise<Result<Exemplars>> {
  const step = `${Math.max(1, Math.ceil((end - start) / COLUMNS))}s`;
  return getJson(
    "/api/sigyn/v1/exemplars",
    { query, start, end, step, limit },
    parseExemplars,
    signal,
  );
}

export function parseExemplars(json: unknown): Exemplars {
  const answer = asObject(json);
  const newest = asArray(answer.dots)
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
    count: asNumber(answer.exemplars, newest.length),
    newest,
    heat: parseGrid(json),
    metrics,
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

/** The share of exemplars whose trace is held, 0 to 1, as the server measures it of itself; null where it has none. */
export function fetchHitRatio(signal?: AbortSignal): Promise<Result<number | null>> {
  return getText("/metrics", {}, parseHitRatio, signal);
}

export function parseHitRatio(exposition: string): number | null {
  const line = /^sigyn_exemplars_resolved_ratio(?:\{[^}]*\})? (\S+)/m.exec(exposition);
  const ratio = line ? Number(line[1]) : Number.NaN;
  return ratio >= 0 && ratio <= 1 ? ratio : null;
}
