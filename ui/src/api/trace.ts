import { type SpanId, spanId, type TraceId, traceId } from "../base/ids.ts";
import {
  asArray,
  asBigint,
  asNumber,
  asNumberOrNull,
  asObject,
  asString,
  asStringMap,
} from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { type Nanos, nanos, nanosFromSeconds } from "../base/time.ts";
import { getJson } from "./client.ts";
import { parseColumns } from "./columns.ts";
import type { Span } from "./otlp.ts";
import { tracePath } from "./trace-path.ts";

/** A metric sample that points at this trace. */
export interface TraceExemplar {
  readonly seriesLabels: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly time: Nanos;
  readonly spanId: SpanId | null;
}

/** Why the trace is kept beyond retention, and until when. */
export interface Pin {
  readonly reason: string;
  readonly until: Nanos;
}

/** Spans of one target that were overwritten before they were read; `lost` null: nobody knows how many. */
export interface Gap {
  readonly labels: Readonly<Record<string, string>>;
  readonly lost: number | null;
  readonly from: Nanos;
  readonly to: Nanos;
}

export interface TraceAnswer {
  readonly traceId: TraceId | null;
  readonly spans: readonly Span[];
  readonly exemplars: readonly TraceExemplar[];
  readonly pins: readonly Pin[];
  readonly gaps: readonly Gap[];
}

export function fetchTrace(id: TraceId, signal?: AbortSignal): Promise<Result<TraceAnswer>> {
  return getJson(tracePath(id), {}, parseTrace, signal);
}

/** The trace as OTLP/JSON, to be handed on. */
export function fetchOtlp(id: TraceId, signal?: AbortSignal): Promise<Result<string>> {
  const toText = (json: unknown) => {
    const { resourceSpans } = asObject(json);
    return JSON.stringify({ resourceSpans: asArray(resourceSpans) }, null, 2);
  };
  return getJson(`/api/sigyn/v1/traces/${id}`, {}, toText, signal);
}

export function parseTrace(json: unknown): TraceAnswer {
  const answer = asObject(json);
  return {
    traceId: traceId(asString(answer.traceId)),
    spans: parseColumns(answer),
    exemplars: asArray(answer.exemplars)
      .map(asObject)
      .map((exemplar) => {
        const labels = asStringMap(exemplar.labels);
        return {
          seriesLabels: asStringMap(exemplar.seriesLabels),
          labels,
          value: asNumber(exemplar.value),
          time: nanosFromSeconds(asNumber(exemplar.timestamp)),
          spanId: spanId(asString(exemplar.spanId) || (labels.span_id ?? "")),
        };
      }),
    pins: asArray(answer.pins)
      .map(asObject)
      .map((pin) => ({
        reason: asString(pin.reason),
        until: nanos(asBigint(pin.untilUnixNano)),
      })),
    gaps: asArray(answer.gaps)
      .map(asObject)
      .map((gap) => ({
        labels: asStringMap(gap.labels),
        lost: asNumberOrNull(gap.lost),
        from: nanos(asBigint(gap.fromUnixNano)),
        to: nanos(asBigint(gap.toUnixNano)),
      })),
  };
}
