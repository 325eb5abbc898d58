import { type TraceId, traceId } from "../base/ids.ts";
import { asArray, asBigint, asNumber, asObject, asString } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { say } from "../base/say.ts";
import { type Nanos, nanos } from "../base/time.ts";
import { getJson } from "./client.ts";

export interface SearchParameters {
  readonly query: string;
  /** Unix seconds. */
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly limit: number;
}

export interface ServiceShare {
  readonly name: string;
  readonly spanCount: number;
  readonly errorCount: number;
}

export interface FoundTrace {
  readonly traceId: TraceId;
  /** The root's service; while the root has not come, the service with the most spans. */
  readonly rootService: string;
  /** Empty while the root has not come. */
  readonly rootName: string;
  readonly isRootHere: boolean;
  readonly start: Nanos;
  readonly durationNanos: number;
  /** Spans that the query matched. */
  readonly matched: number;
  /** Sorted by name; empty where the server does not say. */
  readonly services: readonly ServiceShare[];
  readonly spanCount: number;
  readonly errorCount: number;
}

/** What the server writes in place of a root's service that it has not seen. */
const ROOT_NOT_HERE = "<root span not yet received>";

/** Newest first. */
export function search(
  parameters: SearchParameters,
  signal?: AbortSignal,
): Promise<Result<readonly FoundTrace[]>> {
  return getJson(
    "/api/search",
    {
      q: parameters.query.trim() || "{ }",
      limit: parameters.limit,
      spss: 1,
      start: parameters.startSeconds,
      end: parameters.endSeconds,
    },
    parseSearch,
    signal,
  );
}

export function parseSearch(json: unknown): readonly FoundTrace[] {
  const traces: FoundTrace[] = [];
  for (const trace of asArray(asObject(json).traces).map(asObject)) {
    const id = traceId(asString(trace.traceID));
    if (id === null) continue;
    const services = Object.entries(asObject(trace.serviceStats))
      .map(([name, stats]) => ({
        name,
        spanCount: asNumber(asObject(stats).spanCount),
        errorCount: asNumber(asObject(stats).errorCount),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const sets = asArray(trace.spanSets ?? (trace.spanSet ? [trace.spanSet] : [])).map(asObject);
    const matched = sets.reduce((sum, set) => sum + asNumber(set.matched), 0);
    const spanCount = services.reduce((sum, service) => sum + service.spanCount, 0);
    const rootService = asString(trace.rootServiceName);
    const isRootHere = rootService !== "" && rootService !== ROOT_NOT_HERE;
    traces.push({
      traceId: id,
      rootService: isRootHere ? rootService : largestService(services),
      rootName: isRootHere ? asString(trace.rootTraceName) : "",
      isRootHere,
      start: nanos(asBigint(trace.startTimeUnixNano)),
      durationNanos: asNumber(trace.durationMs) * 1e6,
      matched,
      services,
      spanCount: spanCount || matched,
      errorCount: services.reduce((sum, service) => sum + service.errorCount, 0),
    });
  }
  return traces.sort((a, b) => (a.start === b.start ? 0 : a.start > b.start ? -1 : 1));
}

function largestService(services: readonly ServiceShare[]): string {
  const largest = services.reduce<ServiceShare | null>(
    (most, service) => (most === null || service.spanCount > most.spanCount ? service : most),
    null,
  );
  return largest?.name ?? say("search.unknownService");
}
