import { asArray, asNumber, asObject, asString, type JsonObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

export interface MetricSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly { readonly atMillis: number; readonly value: number }[];
}

export interface MetricsParameters {
  readonly query: string;
  /** Unix seconds. */
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly stepSeconds: number;
}

/** A TraceQL metrics query over a range. */
export function fetchMetrics(
  parameters: MetricsParameters,
  signal?: AbortSignal,
): Promise<Result<readonly MetricSeries[]>> {
  return getJson(
    "/api/metrics/query_range",
    {
      q: parameters.query,
      start: parameters.startSeconds,
      end: parameters.endSeconds,
      step: `${parameters.stepSeconds}s`,
    },
    parseMetrics,
    signal,
  );
}

export function parseMetrics(json: unknown): readonly MetricSeries[] {
  return asArray(asObject(json).series)
    .map(asObject)
    .map((series) => ({
      labels: Object.fromEntries(
        asArray(series.labels)
          .map(asObject)
          .map((label) => [asString(label.key), valueText(label.value)]),
      ),
      points: pointsOf(series),
    }));
}

/** A series over time has samples; one of a single moment has its value alone. */
function pointsOf(series: JsonObject): MetricSeries["points"] {
  if ("value" in series) return [{ atMillis: 0, value: asNumber(series.value) }];
  return asArray(series.samples)
    .map(asObject)
    .map((sample) => ({ atMillis: asNumber(sample.timestampMs), value: asNumber(sample.value) }));
}

function valueText(json: unknown): string {
  const value = asObject(json);
  for (const key of ["stringValue", "intValue", "doubleValue"]) {
    if (key in value) return asString(value[key]);
  }
  return "boolValue" in value ? String(value.boolValue) : "";
}
