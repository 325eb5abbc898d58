import { type SpanId, spanId, type TraceId, traceId } from "../base/ids.ts";
import { asBigint, asNumber, asObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { type Nanos, nanos } from "../base/time.ts";
import { getText } from "./client.ts";

/** One span as a row of chosen columns. */
export interface SpanRow {
  readonly traceId: TraceId | null;
  readonly spanId: SpanId | null;
  readonly name: string;
  readonly start: Nanos;
  readonly durationNanos: number;
  /** By the column's name as the server prints it; what the span does not have is not there. */
  readonly cells: Readonly<Record<string, unknown>>;
}

export interface SpanRowsAsked {
  readonly query: string;
  readonly columns: readonly string[];
  /** Unix seconds. */
  readonly startSeconds: number;
  readonly endSeconds: number;
  /** Traces at most; the newest. */
  readonly limit: number;
}

export function fetchSpanRows(
  asked: SpanRowsAsked,
  signal?: AbortSignal,
): Promise<Result<readonly SpanRow[]>> {
  return getText(
    "/api/sigyn/v1/spans",
    {
      q: asked.query.trim() || "{ }",
      column: asked.columns,
      format: "jsonl",
      start: asked.startSeconds,
      end: asked.endSeconds,
      limit: asked.limit,
    },
    parseSpanRows,
    signal,
  );
}

export function parseSpanRows(lines: string): readonly SpanRow[] {
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const { trace_id, span_id, name, start_unix_nano, duration_nano, ...cells } = asObject(
        // Nanoseconds since 1970 are no exact numbers in JavaScript.
        JSON.parse(line.replace(/"start_unix_nano":(\d+)/, '"start_unix_nano":"$1"')),
      );
      return {
        traceId: traceId(String(trace_id)),
        spanId: spanId(String(span_id)),
        name: String(name ?? ""),
        start: nanos(asBigint(start_unix_nano)),
        durationNanos: asNumber(duration_nano),
        cells,
      };
    });
}
