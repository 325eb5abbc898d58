// Spans, and the parts of them that travel as OTLP/JSON: hex IDs, 64-bit integers as strings, enums as
// numbers. Parsing never throws for odd content; what cannot be read becomes the neutral value, because a
// half-broken trace is the one that somebody needs to see.

import { type SpanId, spanId, type TraceId, traceId } from "../base/ids.ts";
import { asArray, asBigint, asNumber, asObject, asString } from "../base/json.ts";
import { say } from "../base/say.ts";
import { type Nanos, nanos } from "../base/time.ts";

export type AttributeType =
  | "string"
  | "int"
  | "double"
  | "bool"
  | "bytes"
  | "array"
  | "map"
  | "empty";

export interface Attribute {
  readonly key: string;
  readonly type: AttributeType;
  /** As people read it; arrays and maps as JSON. */
  readonly text: string;
}

export interface Resource {
  readonly attributes: readonly Attribute[];
  readonly serviceName: string;
}

export interface Scope {
  readonly name: string;
  readonly version: string;
  readonly attributes: readonly Attribute[];
}

export interface SpanEvent {
  readonly name: string;
  readonly time: Nanos;
  readonly attributes: readonly Attribute[];
}

export interface SpanLink {
  readonly traceId: TraceId | null;
  readonly spanId: SpanId | null;
  readonly attributes: readonly Attribute[];
}

export type SpanKind = "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";
export type StatusCode = "unset" | "ok" | "error";

export interface Span {
  /** Null where the span came without a usable ID. */
  readonly spanId: SpanId | null;
  readonly parentSpanId: SpanId | null;
  readonly name: string;
  readonly kind: SpanKind;
  readonly start: Nanos;
  readonly end: Nanos;
  readonly status: StatusCode;
  readonly statusMessage: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
  readonly resource: Resource;
  readonly scope: Scope;
  /** Attributes, events and links that the sender left out. */
  readonly droppedCount: number;
}

const KINDS: readonly SpanKind[] = [
  "unspecified",
  "internal",
  "server",
  "client",
  "producer",
  "consumer",
];
const STATUSES: readonly StatusCode[] = ["unset", "ok", "error"];
const NONE: readonly never[] = [];

export function kindOf(json: unknown): SpanKind {
  return KINDS[asNumber(json)] ?? KINDS[0];
}

export function statusOf(json: unknown): StatusCode {
  return STATUSES[asNumber(json)] ?? STATUSES[0];
}

export function parseEvents(json: unknown): readonly SpanEvent[] {
  return listOf(json, (event) => ({
    name: asString(event.name),
    time: nanos(asBigint(event.timeUnixNano)),
    attributes: parseAttributes(event.attributes),
  }));
}

export function parseLinks(json: unknown): readonly SpanLink[] {
  return listOf(json, (link) => ({
    traceId: traceId(asString(link.traceId)),
    spanId: spanId(asString(link.spanId)),
    attributes: parseAttributes(link.attributes),
  }));
}

export function parseResource(json: unknown): Resource {
  const attributes = parseAttributes(asObject(json).attributes);
  const named = attributes.find((attribute) => attribute.key === "service.name");
  return { attributes, serviceName: named?.text || say("otlp.unknownService") };
}

export function parseScope(json: unknown): Scope {
  const scope = asObject(json);
  return {
    name: asString(scope.name),
    version: asString(scope.version),
    attributes: parseAttributes(scope.attributes),
  };
}

export function parseAttributes(json: unknown): readonly Attribute[] {
  return listOf(json, (attribute) => ({
    key: asString(attribute.key),
    ...parseValue(attribute.value),
  }));
}

export function parseValue(json: unknown): { readonly type: AttributeType; readonly text: string } {
  const value = asObject(json);
  if ("stringValue" in value) return { type: "string", text: asString(value.stringValue) };
  if ("intValue" in value) return { type: "int", text: asString(value.intValue) };
  if ("doubleValue" in value) return { type: "double", text: asString(value.doubleValue) };
  if ("boolValue" in value) return { type: "bool", text: String(value.boolValue === true) };
  if ("bytesValue" in value) return { type: "bytes", text: asString(value.bytesValue) };
  if ("arrayValue" in value) return { type: "array", text: JSON.stringify(plain(json)) };
  if ("kvlistValue" in value) return { type: "map", text: JSON.stringify(plain(json)) };
  return { type: "empty", text: "" };
}

/** Nested values deeper than this are shown as `…`; nothing real nests so far. */
const DEPTH_MAX = 16;

/** An OTLP value as the plain JSON value that it stands for. */
function plain(json: unknown, depth = 0): unknown {
  if (depth > DEPTH_MAX) return "…";
  const value = asObject(json);
  if ("arrayValue" in value) {
    return asArray(asObject(value.arrayValue).values).map((entry) => plain(entry, depth + 1));
  }
  if ("kvlistValue" in value) {
    const entries = asArray(asObject(value.kvlistValue).values).map(asObject);
    return Object.fromEntries(
      entries.map((entry) => [asString(entry.key), plain(entry.value, depth + 1)]),
    );
  }
  if ("boolValue" in value) return value.boolValue === true;
  if ("doubleValue" in value) return value.doubleValue;
  if ("intValue" in value) {
    const number = Number(value.intValue);
    return Number.isSafeInteger(number) ? number : asString(value.intValue);
  }
  return parseValue(json).text;
}

function listOf<T>(
  json: unknown,
  parse: (entry: Readonly<Record<string, unknown>>) => T,
): readonly T[] {
  const entries = asArray(json);
  return entries.length === 0 ? NONE : entries.map((entry) => parse(asObject(entry)));
}
