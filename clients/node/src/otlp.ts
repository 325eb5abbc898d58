/**
 * `opentelemetry.proto.trace.v1`, encoded once, when a span ends.
 *
 * An encoder of our own, because message objects cost several times what the bytes do. Field order and
 * cutting are those of the Rust buffer; `clients/vectors` holds the bytes.
 */
import { Writer } from "./writer.js";

export const SPAN_LIMIT_BYTES_MIN = 512;
export const SCOPE_BYTES_MAX = 1 << 10;
const RESOURCE_BYTES_MAX = 16 << 10;
const TEXT_BYTES_MAX = 256;

/** KeyValue {key: "sigyn.truncated", value: true}, and room for it and for three counts. */
const TRUNCATED = Buffer.from("\x0a\x0fsigyn.truncated\x12\x02\x10\x01", "latin1");
const REMARKS_BYTES = 2 + TRUNCATED.length + 3 * 6;

export const REMOTE_KNOWN = 0x100;
export const REMOTE = 0x200;

const DEPTH_MAX = 16;

/** Seconds and nanoseconds since 1970, as OpenTelemetry writes times. */
export type Time = readonly [number, number];
export type Attributes = Readonly<Record<string, unknown>>;

export interface EventRecord {
  time: Time;
  name: string;
  attributes: Attributes | undefined;
  dropped: number;
}

export interface LinkRecord {
  traceId: string;
  spanId: string;
  traceState: string;
  flags: number;
  attributes: Attributes | undefined;
  dropped: number;
}

/** A finished span, whichever API made it. IDs are hexadecimal; `parentId` is empty for a root. */
export interface SpanRecord {
  traceId: string;
  spanId: string;
  traceState: string;
  parentId: string;
  name: string;
  /** As in OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  start: Time;
  end: Time;
  /** 0 unset, 1 ok, 2 error. */
  code: number;
  message: string;
  flags: number;
  attributes: Attributes;
  attributesDropped: number;
  events: readonly EventRecord[];
  eventsDropped: number;
  links: readonly LinkRecord[];
  linksDropped: number;
}

/** Writes the span in at most `limitBytes`. */
export function encodeSpan(out: Writer, span: SpanRecord, limitBytes: number): void {
  const start = out.length;
  out.hex(1, span.traceId, 16);
  out.hex(2, span.spanId, 8);
  out.textUnlessEmpty(3, span.traceState);
  if (span.parentId) out.hex(4, span.parentId, 8);
  out.textUnlessEmpty(5, span.name);
  out.uintUnlessZero(6, span.kind);
  out.time(7, span.start);
  out.time(8, span.end);
  if (span.code || span.message) {
    const at = out.begin(15);
    out.textUnlessEmpty(2, span.message);
    out.uintUnlessZero(3, span.code);
    out.finish(at);
  }
  out.fixed32(16, span.flags);
  for (const key in span.attributes) putSpanAttribute(out, key, span.attributes[key]);
  for (const event of span.events) {
    const at = out.begin(11);
    out.time(1, event.time);
    out.textUnlessEmpty(2, event.name);
    for (const key in event.attributes) putAttribute(out, 3, key, event.attributes[key]);
    out.uintUnlessZero(4, event.dropped);
    out.finish(at);
  }
  for (const link of span.links) {
    const at = out.begin(13);
    out.hex(1, link.traceId, 16);
    out.hex(2, link.spanId, 8);
    out.textUnlessEmpty(3, link.traceState);
    for (const key in link.attributes) putAttribute(out, 4, key, link.attributes[key]);
    out.uintUnlessZero(5, link.dropped);
    out.fixed32(6, link.flags);
    out.finish(at);
  }
  out.uintUnlessZero(10, span.attributesDropped);
  out.uintUnlessZero(12, span.eventsDropped);
  out.uintUnlessZero(14, span.linksDropped);
  if (out.length - start > limitBytes - REMARKS_BYTES) {
    const [cut, isCut] = cutWith(out.bytes.subarray(start, out.length), limitBytes);
    if (isCut) {
      out.length = start;
      out.raw(cut);
    }
  }
}

/** An encoded span in at most `limitBytes` (at least 512), marked as cut. */
export function cutSpan(span: Uint8Array, limitBytes: number): Buffer {
  return cutWith(span, limitBytes)[0];
}

function cutWith(span: Uint8Array, limitBytes: number): [Buffer, boolean] {
  const out = new Writer(limitBytes + 64);
  const end = limitBytes - REMARKS_BYTES;
  const missing = new Map([
    [9, 0],
    [11, 0],
    [13, 0],
  ]);
  let isCut = false;
  const keep = (content: Uint8Array, bytesMax: number): Uint8Array => {
    const kept = cutUtf8(content, bytesMax);
    isCut ||= kept.length < content.length;
    return kept;
  };
  for (const { number, value, content, whole } of fields(span)) {
    const counted = missing.get(number);
    if (number === 10 || number === 12 || number === 14) {
      missing.set(number - 1, (missing.get(number - 1) ?? 0) + value);
    } else if (number === 9 && TRUNCATED.equals(content)) {
      // Written anew below.
    } else if (counted !== undefined && out.length + whole.length > end) {
      missing.set(number, counted + 1);
      isCut = true;
    } else if (number === 3 && content.length > Math.floor(limitBytes / 8)) {
      // Half a trace state would be a wrong one.
      isCut = true;
    } else if (number === 5) {
      out.content(5, keep(content, Math.floor(limitBytes / 4)));
    } else if (number === 15) {
      const at = out.begin(15);
      let code = 0;
      for (const inner of fields(content)) {
        if (inner.number === 2) out.content(2, keep(inner.content, Math.floor(limitBytes / 4)));
        if (inner.number === 3) code = inner.value;
      }
      out.uintUnlessZero(3, code);
      out.finish(at);
    } else {
      out.raw(whole);
    }
  }
  out.content(9, TRUNCATED);
  for (const [number, count] of missing)
    out.uintUnlessZero(number + 1, Math.min(count, 0xffffffff));
  return [Buffer.from(out.taken()), isCut];
}

function cutUtf8(content: Uint8Array, bytesMax: number): Uint8Array {
  if (content.length <= bytesMax) return content;
  let end = bytesMax;
  while (end > 0 && (content[end] & 0xc0) === 0x80) end -= 1;
  return content.subarray(0, end);
}

export interface Field {
  number: number;
  /** Of a varint; else 0. */
  value: number;
  /** Of a bytes field; else empty. */
  content: Uint8Array;
  /** Tag and value as they stand. */
  whole: Uint8Array;
}

/** The fields of a message that this encoder wrote. */
export function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80 || at > message.length) return value;
    }
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    let value = 0;
    let content = message.subarray(0, 0);
    const wire = tag & 7;
    if (wire === 0) value = varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      content = message.subarray(at, at + length);
      at += length;
    } else return;
    yield { number: tag >>> 3, value, content, whole: message.subarray(start, at) };
  }
}

/** Encoded attributes of one key, by value: most repeat, as methods, routes, hosts and codes do. */
type Known = Map<string | number | boolean, Uint8Array>;

const KEYS_MAX = 256;
/** A key whose values do not repeat, as IDs and paths do not, stops adding to it. */
const VALUES_PER_KEY_MAX = 64;
const KNOWN_TEXT_MAX = 64;
const known = new Map<string, Known>();

function putSpanAttribute(out: Writer, key: string, value: unknown): void {
  const kind = typeof value;
  if (kind === "string" || kind === "number" || kind === "boolean") {
    const plain = value as string | number | boolean;
    const values = known.get(key) ?? knownKey(key);
    const encoded = values.get(plain);
    // A map takes 0 and -0 for the same.
    if (encoded !== undefined && !Object.is(plain, -0)) {
      out.raw(encoded);
      return;
    }
    const start = out.length;
    putAttribute(out, 9, key, value);
    const isShort = kind !== "string" || (value as string).length <= KNOWN_TEXT_MAX;
    if (values.size < VALUES_PER_KEY_MAX && isShort && !Object.is(plain, -0))
      values.set(plain, new Uint8Array(out.bytes.subarray(start, out.length)));
    return;
  }
  putAttribute(out, 9, key, value);
}

function knownKey(key: string): Known {
  if (known.size >= KEYS_MAX) known.clear();
  const values: Known = new Map();
  known.set(key, values);
  return values;
}

function putAttribute(out: Writer, number: number, key: string, value: unknown): void {
  // An undefined attribute is one that was not set.
  if (value === undefined) return;
  const at = out.begin(number);
  out.text(1, key);
  const inner = out.begin(2);
  putValue(out, value, 0);
  out.finish(inner);
  out.finish(at);
}

function putValue(out: Writer, value: unknown, depth: number): void {
  if (typeof value === "string") {
    out.text(1, value);
  } else if (typeof value === "boolean") {
    out.uint(2, value ? 1 : 0);
  } else if (typeof value === "number") {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) out.int(3, value);
    else out.double(4, value);
  } else if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) {
    out.bigint(3, value);
  } else if (value instanceof Uint8Array) {
    out.content(7, value);
  } else if (depth < DEPTH_MAX && Array.isArray(value)) {
    const at = out.begin(5);
    for (const item of value) {
      const inner = out.begin(1);
      putValue(out, item, depth + 1);
      out.finish(inner);
    }
    out.finish(at);
  } else if (depth < DEPTH_MAX && isPlain(value)) {
    const at = out.begin(6);
    for (const key in value) {
      const pair = out.begin(1);
      out.text(1, key);
      const inner = out.begin(2);
      putValue(out, value[key], depth + 1);
      out.finish(inner);
      out.finish(pair);
    }
    out.finish(at);
  } else if (value !== null && value !== undefined) {
    out.text(1, String(value));
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}

function putBounded(
  out: Writer,
  field: number,
  end: number,
  attributes: Attributes,
  keys: string[],
): void {
  let dropped = 0;
  for (const key of keys) {
    const before = out.length;
    putAttribute(out, field, key, attributes[key]);
    if (out.length > end) {
      out.length = before;
      dropped += 1;
    }
  }
  out.uintUnlessZero(field + 1, dropped);
}

function cutText(text: string): Uint8Array {
  return cutUtf8(Buffer.from(text), TEXT_BYTES_MAX);
}

/** The fields `scope` and `schema_url` of ScopeSpans; the spans follow. */
export function encodeScope(
  name: string,
  version = "",
  schemaUrl = "",
  attributes: Attributes = {},
): Buffer {
  const out = new Writer(SCOPE_BYTES_MAX);
  const at = out.begin(1);
  if (name) out.content(1, cutText(name));
  if (version) out.content(2, cutText(version));
  putBounded(
    out,
    3,
    at + SCOPE_BYTES_MAX - (TEXT_BYTES_MAX + 3) - 16,
    attributes,
    Object.keys(attributes),
  );
  out.finish(at);
  if (schemaUrl) out.content(3, cutText(schemaUrl));
  return Buffer.from(out.taken());
}

/** The fields `resource` and `schema_url` of ResourceSpans; the scopes follow. */
export function encodeResource(attributes: Attributes, schemaUrl = ""): Buffer {
  const out = new Writer(RESOURCE_BYTES_MAX);
  const at = out.begin(1);
  putBounded(out, 1, at + RESOURCE_BYTES_MAX - 1024, attributes, Object.keys(attributes).sort());
  out.finish(at);
  if (schemaUrl) out.content(3, cutText(schemaUrl));
  return Buffer.from(out.taken());
}
