import { type SpanId, spanId, type TraceId, traceId } from "../base/ids.ts";
import { asArray, asNumber, asObject, asStringMap } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { type Nanos, nanosFromSeconds } from "../base/time.ts";
import { getJson } from "./client.ts";

export interface Exemplar {
  readonly seriesLabels: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly time: Nanos;
  readonly traceId: TraceId | null;
  readonly spanId: SpanId | null;
}

/** Every exemplar of the series that the PromQL selects, newest first. Times in Unix seconds. */
export function queryExemplars(
  query: string,
  startSeconds: number,
  endSeconds: number,
  signal?: AbortSignal,
): Promise<Result<readonly Exemplar[]>> {
  return getJson(
    "/api/v1/query_exemplars",
    { query, start: startSeconds, end: endSeconds },
    parseExemplars,
    signal,
  );
}

export function parseExemplars(json: unknown): readonly Exemplar[] {
  const found: Exemplar[] = [];
  for (const series of asArray(asObject(json).data).map(asObject)) {
    const seriesLabels = asStringMap(series.seriesLabels);
    for (const exemplar of asArray(series.exemplars).map(asObject)) {
      const labels = asStringMap(exemplar.labels);
      found.push({
        seriesLabels,
        labels,
        value: asNumber(exemplar.value),
        time: nanosFromSeconds(asNumber(exemplar.timestamp)),
        traceId: traceId(labels.trace_id ?? labels.traceID ?? labels.traceId ?? ""),
        spanId: spanId(labels.span_id ?? labels.spanID ?? labels.spanId ?? ""),
      });
    }
  }
  return found.sort((a, b) => (a.time === b.time ? 0 : a.time > b.time ? -1 : 1));
}
