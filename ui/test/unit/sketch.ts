import type { Span } from "../../src/api/otlp.ts";
import { type Nanos, nanos } from "../../src/base/time.ts";
import { received } from "./received.ts";

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

const KIND = { server: 2, client: 3, producer: 4, consumer: 5 } as const;

/** A span with short hex IDs and times from START. */
export function span(sketch: SpanSketch): Span {
  const { id = "", parent = "", name = id, from = 0, to = from + 10, service = "shop" } = sketch;
  const unix = (after: number) => (sketch.isUntimed ? "0" : String(START + BigInt(after)));
  const [only] = received([
    {
      service,
      spans: [
        {
          spanId: id,
          parentSpanId: parent,
          name,
          kind: sketch.kind ? KIND[sketch.kind] : 1,
          startTimeUnixNano: unix(from),
          endTimeUnixNano: unix(to),
          status: sketch.isError ? { code: 2 } : {},
        },
      ],
    },
  ]);
  return only;
}
