import type { Span } from "../../src/api/otlp.ts";
import { spanId } from "../../src/base/ids.ts";
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
  const unix = (after: number) => nanos(sketch.isUntimed ? 0n : START + BigInt(after));
  return {
    spanId: spanId(id),
    parentSpanId: spanId(parent),
    name,
    kind: sketch.kind ?? "internal",
    start: unix(from),
    end: unix(to),
    status: sketch.isError ? "error" : "unset",
    statusMessage: "",
    attributes: [],
    events: [],
    links: [],
    resource: {
      attributes: [{ key: "service.name", type: "string", text: service }],
      serviceName: service,
    },
    scope: { name: "", version: "", attributes: [] },
    droppedCount: 0,
  };
}
