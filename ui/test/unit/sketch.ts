import { parseSpan, type Span } from "../../src/api/otlp.ts";
import { type Nanos, nanos } from "../../src/base/time.ts";

/** A moment in November 2026. */
export const START: Nanos = nanos(1_795_000_000_000_000_000n);
export const NOW: Nanos = nanos(START + 60_000_000_000n);

export interface SpanSketch {
  readonly id?: string;
  readonly parent?: string;
  readonly name?: string;
  /** Nanoseconds from START. */
  readonly from?: number;
  readonly to?: number;
  readonly service?: string;
  readonly isError?: boolean;
  readonly kind?: "server" | "client" | "producer" | "consumer";
  /** Came without times. */
  readonly isUntimed?: boolean;
}

/** A span with short hex IDs and times from START. */
export function span(sketch: SpanSketch): Span {
  const { id = "", parent = "", name = id, from = 0, to = from + 10, service = "shop" } = sketch;
  const attribute = { key: "service.name", type: "string", text: service } as const;
  return parseSpan(
    {
      spanId: id,
      parentSpanId: parent,
      name,
      kind: sketch.kind ? `SPAN_KIND_${sketch.kind.toUpperCase()}` : "SPAN_KIND_INTERNAL",
      startTimeUnixNano: sketch.isUntimed ? "0" : String(START + BigInt(from)),
      endTimeUnixNano: sketch.isUntimed ? "0" : String(START + BigInt(to)),
      status: sketch.isError ? { code: "STATUS_CODE_ERROR" } : {},
    },
    { attributes: [attribute], serviceName: service },
    { name: "", version: "", attributes: [] },
  );
}
