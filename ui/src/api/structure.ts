// Whole traces in short: for each span its service, name, length and place in the tree, of many traces
// in one answer. From this the service map and the comparison of sets are made.

import { type TraceId, traceId } from "../base/ids.ts";
import { asArray, asNumber, asObject, asString, type JsonObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { say } from "../base/say.ts";
import { getJson } from "./client.ts";

export interface ShortSpan {
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly isError: boolean;
  readonly durationNanos: number;
  /** Nested-set numbers: a span's parent has `left` equal to this one's `parentLeft`; 0 where unknown. */
  readonly left: number;
  readonly parentLeft: number;
}

export interface ShortTrace {
  readonly traceId: TraceId;
  readonly durationNanos: number;
  readonly spans: readonly ShortSpan[];
  /** Spans that were left out because the trace has too many. */
  readonly leftOut: number;
}

export interface StructureParameters {
  readonly query: string;
  /** Unix seconds. */
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly limit: number;
}

const SPANS_A_TRACE_MAX = 100;
const FIELDS = "resource.service.name, kind, status, nestedSetLeft, nestedSetParent";

/** The newest traces that match, with all their spans (up to a hundred each). */
export function fetchStructure(
  parameters: StructureParameters,
  signal?: AbortSignal,
): Promise<Result<readonly ShortTrace[]>> {
  const query = parameters.query.trim();
  // `&& { }` brings in the spans of a matching trace that do not match themselves.
  const whole = query === "" || /^\{\s*\}$/.test(query) ? "{ }" : `(${query}) && { }`;
  return getJson(
    "/api/search",
    {
      q: `${whole} | select(${FIELDS})`,
      limit: parameters.limit,
      spss: SPANS_A_TRACE_MAX,
      start: parameters.startSeconds,
      end: parameters.endSeconds,
    },
    parseStructure,
    signal,
  );
}

export function parseStructure(json: unknown): readonly ShortTrace[] {
  const traces: ShortTrace[] = [];
  for (const trace of asArray(asObject(json).traces).map(asObject)) {
    const id = traceId(asString(trace.traceID));
    if (id === null) continue;
    const sets = asArray(trace.spanSets).map(asObject);
    const spans = sets.flatMap((set) => asArray(set.spans).map(asObject).map(shortSpan));
    const matched = sets.reduce((sum, set) => sum + asNumber(set.matched), 0);
    traces.push({
      traceId: id,
      durationNanos: asNumber(trace.durationMs) * 1e6,
      spans,
      leftOut: Math.max(0, matched - spans.length),
    });
  }
  return traces;
}

function shortSpan(span: JsonObject): ShortSpan {
  const attributes = new Map(
    asArray(span.attributes)
      .map(asObject)
      .map((one) => [asString(one.key), asObject(one.value)] as const),
  );
  const text = (key: string) => asString(attributes.get(key)?.stringValue);
  const number = (key: string) => asNumber(attributes.get(key)?.intValue);
  return {
    service: text("service.name") || say("structure.unknownService"),
    name: asString(span.name),
    kind: text("kind"),
    isError: text("status") === "error",
    durationNanos: asNumber(span.durationNanos),
    left: number("nestedSetLeft"),
    parentLeft: number("nestedSetParent"),
  };
}
