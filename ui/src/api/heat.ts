import { type Heat, heatOf } from "../base/heat.ts";
import { asArray, asNumber, asObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

export interface HeatParameters {
  readonly query: string;
  /** Unix seconds. */
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly columns: number;
}

/** How long the spans took that a query matches, all of them, over time. */
export function fetchHeat(parameters: HeatParameters, signal?: AbortSignal): Promise<Result<Heat>> {
  const { startSeconds: start, endSeconds: end } = parameters;
  const step = Math.max(1, Math.ceil((end - start) / parameters.columns));
  const q = parameters.query.trim() || "{ }";
  return getJson("/api/sigyn/v1/heatmap", { q, start, end, step: `${step}s` }, parseHeat, signal);
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
        boundNanos: asNumber(row.durationNanosMax),
        count: asNumber(count),
      })),
    );
  const from = (times[0] ?? 0) - stepMillis;
  return heatOf(points, from, times.at(-1) ?? from + stepMillis, stepMillis);
}
