import { type TraceId, traceId } from "../base/ids.ts";
import { asArray, asBigint, asNumber, asObject, asString, type JsonObject } from "../base/json.ts";
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
  /** The longest first, and not the newest. */
  readonly isSlowest?: boolean;
  /** The key with which the page before ended. */
  readonly after?: string | null;
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
  /** Sorted by name. */
  readonly services: readonly ServiceShare[];
  readonly spanCount: number;
  readonly errorCount: number;
}

export interface FoundPage {
  /** In the order that was asked for. */
  readonly traces: readonly FoundTrace[];
  /** Where the next page goes on; null after the last one. */
  readonly next: string | null;
  /** Why the answer is not whole; null when it is. */
  readonly partial: string | null;
}

export function search(
  parameters: SearchParameters,
  signal?: AbortSignal,
): Promise<Result<FoundPage>> {
  return getJson(
    "/api/sigyn/v1/search",
    {
      q: parameters.query.trim() || "{ }",
      limit: parameters.limit,
      start: parameters.startSeconds,
      end: parameters.endSeconds,
      order: parameters.isSlowest ? "duration" : "newest",
      after: parameters.after ?? "",
    },
    parseSearch,
    signal,
  );
}

export function parseSearch(json: unknown): FoundPage {
  const answer = asObject(json);
  return {
    traces: asArray(answer.traces)
      .map(asObject)
      .flatMap((trace) => parseTrace(trace) ?? []),
    next: asString(answer.next) || null,
    partial: asString(answer.partial) || null,
  };
}

function parseTrace(trace: JsonObject): FoundTrace | null {
  const id = traceId(asString(trace.traceId));
  if (id === null) return null;
  const services = asArray(trace.services)
    .map(asObject)
    .map((service) => ({
      name: asString(service.name),
      spanCount: asNumber(service.spanCount),
      errorCount: asNumber(service.errorCount),
    }));
  const isRootHere = typeof trace.rootServiceName === "string";
  return {
    traceId: id,
    rootService: asString(trace.rootServiceName) || largestService(services),
    rootName: asString(trace.rootName),
    isRootHere,
    start: nanos(asBigint(trace.startUnixNano)),
    durationNanos: asNumber(trace.durationNanos),
    matched: asNumber(trace.matched),
    services,
    spanCount: services.reduce((sum, service) => sum + service.spanCount, 0),
    errorCount: services.reduce((sum, service) => sum + service.errorCount, 0),
  };
}

function largestService(services: readonly ServiceShare[]): string {
  const largest = services.reduce<ServiceShare | null>(
    (most, service) => (most === null || service.spanCount > most.spanCount ? service : most),
    null,
  );
  return largest?.name ?? say("search.unknownService");
}
