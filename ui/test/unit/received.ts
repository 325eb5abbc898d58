// Spans as OTLP/JSON has them, put into the columns that the server sends, and read by the real parser.

import { parseColumns } from "../../src/api/columns.ts";
import type { Span } from "../../src/api/otlp.ts";

export interface OtlpSpan {
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string;
  readonly endTimeUnixNano?: string;
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly attributes?: readonly { readonly key: string; readonly value: object }[];
  readonly events?: readonly object[];
  readonly links?: readonly object[];
  readonly droppedAttributesCount?: number;
}

export interface OtlpBatch {
  readonly service?: string;
  readonly spans: readonly OtlpSpan[];
}

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

/** The server's answer for these spans. */
export function columnsOf(batches: readonly OtlpBatch[]) {
  const all = batches.flatMap(({ spans }, batch) => spans.map((span) => ({ span, batch })));
  const starts = all
    .map(({ span }) => BigInt(span.startTimeUnixNano ?? 0))
    .filter((start) => start > 0n);
  const first = starts.reduce((least, start) => (start < least ? start : least), starts[0] ?? 0n);
  const id = (hex?: string) => (hex ?? "").padStart(16, "0");
  const after = (from: bigint, to: bigint) => {
    const difference = Number(to - from);
    return Math.abs(difference) < 2 ** 53 ? difference : String(to);
  };
  const start = ({ span }: (typeof all)[number]) => BigInt(span.startTimeUnixNano ?? 0);
  const attributes = all.flatMap(({ span }) => span.attributes ?? []);
  const keys = [...new Set(attributes.map(({ key }) => key))];
  return {
    startUnixNano: String(first),
    resources: batches.map(({ service }) =>
      service === undefined ? null : { attributes: [text("service.name", service)] },
    ),
    scopes: batches.map(() => ({ name: "lib", version: "1" })),
    names: all.map(({ span }) => span.name ?? ""),
    attributeKeys: keys,
    attributeValues: attributes.map(({ value }) =>
      "stringValue" in value ? value.stringValue : value,
    ),
    spans: {
      spanIds: all.map(({ span }) => id(span.spanId)).join(""),
      parentSpanIds: all.map(({ span }) => id(span.parentSpanId)).join(""),
      name: all.map((_, at) => at),
      kind: all.map(({ span }) => span.kind ?? 0),
      status: all.map(({ span }) => span.status?.code ?? 0),
      resource: all.map(({ batch }) => batch),
      scope: all.map(({ batch }) => batch),
      start: all.map((one) => after(first, start(one))),
      duration: all.map((one) => after(start(one), BigInt(one.span.endTimeUnixNano ?? 0))),
      attributes: all.map(({ span }) => span.attributes?.length ?? 0),
      attributeKey: attributes.map(({ key }) => keys.indexOf(key)),
      attributeValue: attributes.map((_, at) => at),
    },
    details: all.map(({ span }, at) => ({
      span: at,
      statusMessage: span.status?.message,
      events: span.events ?? [],
      links: span.links ?? [],
      droppedCount: span.droppedAttributesCount ?? 0,
    })),
  };
}

export function received(batches: readonly OtlpBatch[]): readonly Span[] {
  return parseColumns(columnsOf(batches));
}
