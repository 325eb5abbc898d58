import { type SpanId, spanId, type TraceId, traceId } from "../base/ids.ts";
import { asArray, asNumber, asObject, asString, asStringMap } from "../base/json.ts";
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

/** More dots than this no page shows. */
const DOTS_MAX = 2_000;

/** The newest exemplars of the series that the PromQL selects, newest first. Times in Unix seconds. */
export function queryExemplars(
  query: string,
  startSeconds: number,
  endSeconds: number,
  signal?: AbortSignal,
): Promise<Result<readonly Exemplar[]>> {
  return getJson(
    "/api/sigyn/v1/exemplars",
    { query, start: startSeconds, end: endSeconds, limit: DOTS_MAX },
    parseExemplars,
    signal,
  );
}

export function parseExemplars(json: unknown): readonly Exemplar[] {
  return asArray(asObject(json).dots)
    .map(asObject)
    .map((dot) => ({
      seriesLabels: asStringMap(dot.seriesLabels),
      labels: asStringMap(dot.labels),
      value: asNumber(dot.value),
      time: nanosFromSeconds(asNumber(dot.timestamp)),
      traceId: traceId(asString(dot.traceId)),
      spanId: spanId(asString(dot.spanId)),
    }));
}
