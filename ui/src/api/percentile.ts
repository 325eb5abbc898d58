import { type Distribution, distributionOf } from "../base/distribution.ts";
import { asArray, asNumber, asObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

/** Durations of the spans of one operation, and which of them these are. */
export interface Peers {
  readonly durations: Distribution;
  /** `the newest 340 spans of the last hour`. */
  readonly what: string;
}

const HOUR_SECONDS = 3600;
const TRACES_MAX = 300;
const SPANS_A_TRACE_MAX = 20;

/** The newest spans of an operation in the hour before now. */
export function fetchPeers(
  service: string,
  operation: string,
  nowMillis: number,
  signal?: AbortSignal,
): Promise<Result<Peers>> {
  const end = Math.ceil(nowMillis / 1000) + 1;
  const q = `{ resource.service.name = ${JSON.stringify(service)} && name = ${JSON.stringify(operation)} }`;
  return getJson(
    "/api/search",
    { q, limit: TRACES_MAX, spss: SPANS_A_TRACE_MAX, start: end - HOUR_SECONDS, end },
    parsePeers,
    signal,
  );
}

export function parsePeers(json: unknown): Peers {
  const nanos: number[] = [];
  const traces = asArray(asObject(json).traces).map(asObject);
  for (const trace of traces) {
    for (const set of asArray(trace.spanSets).map(asObject)) {
      for (const span of asArray(set.spans)) nanos.push(asNumber(asObject(span).durationNanos));
    }
  }
  const newest = traces.length >= TRACES_MAX ? "the newest " : "";
  return { durations: distributionOf(nanos), what: `${newest}${nanos.length} in the last hour` };
}
