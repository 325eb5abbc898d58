/** Trace contexts in carriers: W3C, Jaeger and B3; baggage with the first two. */
import { DEBUG, SAMPLED, SigynSpanContext } from "./context.js";

export type Format = "w3c" | "jaeger" | "b3";
export const FORMATS: readonly Format[] = ["w3c", "jaeger", "b3"];

const BAGGAGE_BYTES_MAX = 8192;
const BAGGAGE_ITEMS_MAX = 64;
const UBER_BAGGAGE = "uberctx-";
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const UBER = /^([0-9a-f]{1,32}):([0-9a-f]{1,16}):[^:]*:([0-9a-fA-F]{1,2})$/;
const B3_TRACE = /^(?:[0-9a-f]{16}){1,2}$/;
const B3_SPAN = /^[0-9a-f]{16}$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const BINARY_HEAD_BYTES = 33;

type Headers = Map<string, string>;
type Found = { traceId: string; spanId: string; flags: number; traceState?: string } | undefined;

export function inject(
  context: SigynSpanContext,
  carrier: Record<string, string>,
  formats: readonly Format[],
  http: boolean,
): void {
  const { traceId, spanId, flags, baggage } = context;
  const items = Object.entries(baggage).map(([key, value]) => [key, String(value)] as const);
  if (formats.includes("w3c")) {
    carrier.traceparent = `00-${traceId}-${spanId}-0${flags & SAMPLED}`;
    if (context.traceState) carrier.tracestate = context.traceState;
    const text = items.map((item) => item.map(encodeURIComponent).join("=")).join(",");
    if (text && text.length <= BAGGAGE_BYTES_MAX) carrier.baggage = text;
  }
  if (formats.includes("jaeger")) {
    // Parent IDs went out of use there; 0 stands in their place.
    carrier["uber-trace-id"] = `${traceId}:${spanId}:0:${(flags & (SAMPLED | DEBUG)).toString(16)}`;
    for (const [key, value] of items) {
      if (!http) carrier[UBER_BAGGAGE + key] = value;
      else if (TOKEN.test(key)) carrier[UBER_BAGGAGE + key] = encodeURIComponent(value);
    }
  }
  if (formats.includes("b3")) {
    carrier["x-b3-traceid"] = traceId;
    carrier["x-b3-spanid"] = spanId;
    carrier["x-b3-sampled"] = context.isSampled ? "1" : "0";
  }
}

/**
 * The context of the first of W3C, Jaeger, B3 that is there and sound; baggage of any. `null` where there
 * is neither: the trace begins here.
 */
export function extract(carrier: Record<string, unknown>): SigynSpanContext | null {
  const headers: Headers = new Map();
  for (const [key, value] of Object.entries(carrier)) headers.set(key.toLowerCase(), String(value));
  const baggage = baggageOf(headers);
  const found = fromW3c(headers) ?? fromJaeger(headers) ?? fromB3Single(headers) ?? fromB3(headers);
  if (found) {
    return new SigynSpanContext(
      found.traceId,
      found.spanId,
      found.flags,
      baggage,
      found.traceState ?? "",
      true,
    );
  }
  if (Object.keys(baggage).length === 0) return null;
  return new SigynSpanContext("0".repeat(32), "0".repeat(16), SAMPLED, baggage, "", true);
}

function text(headers: Headers, name: string): string {
  return headers.get(name)?.trim() ?? "";
}

function found(trace: string, span: string, flags: number, traceState = ""): Found {
  const traceId = trace.padStart(32, "0");
  const spanId = span.padStart(16, "0");
  const sound = !/^0+$/.test(traceId) && !/^0+$/.test(spanId);
  return sound ? { traceId, spanId, flags, traceState } : undefined;
}

function fromW3c(headers: Headers): Found {
  const match = TRACEPARENT.exec(text(headers, "traceparent"));
  if (!match || match[1] === "ff" || (match[1] === "00" && match[5])) return undefined;
  return found(
    match[2],
    match[3],
    Number.parseInt(match[4], 16) & SAMPLED,
    text(headers, "tracestate"),
  );
}

function fromJaeger(headers: Headers): Found {
  const match = UBER.exec(unescaped(text(headers, "uber-trace-id")));
  return match
    ? found(match[1], match[2], Number.parseInt(match[3], 16) & (SAMPLED | DEBUG))
    : undefined;
}

function fromB3Single(headers: Headers): Found {
  const [trace, span = "", sampled = "1"] = text(headers, "b3").toLowerCase().split("-");
  return b3(trace, span, sampled, "");
}

function fromB3(headers: Headers): Found {
  const [trace, span] = ["traceid", "spanid"].map((name) =>
    text(headers, `x-b3-${name}`).toLowerCase(),
  );
  return b3(
    trace,
    span,
    text(headers, "x-b3-sampled").toLowerCase() || "1",
    text(headers, "x-b3-flags"),
  );
}

function b3(trace: string, span: string, sampled: string, flags: string): Found {
  if (!B3_TRACE.test(trace) || !B3_SPAN.test(span)) return undefined;
  if (sampled === "d" || flags === "1") return found(trace, span, SAMPLED | DEBUG);
  return found(trace, span, sampled === "0" || sampled === "false" ? 0 : SAMPLED);
}

function baggageOf(headers: Headers): Record<string, string> {
  const items = new Map<string, string>();
  for (const [key, value] of headers) {
    if (key.startsWith(UBER_BAGGAGE)) items.set(key.slice(UBER_BAGGAGE.length), unescaped(value));
  }
  // Jaeger's way to set baggage by hand.
  for (const item of text(headers, "jaeger-baggage").split(",")) {
    const [key, value] = split(item);
    if (value !== undefined) items.set(key, value);
  }
  const w3c = text(headers, "baggage");
  for (const member of w3c.length <= BAGGAGE_BYTES_MAX ? w3c.split(",") : []) {
    const [key, value] = split(member.split(";")[0]);
    if (value !== undefined) items.set(unescaped(key), unescaped(value));
  }
  return Object.fromEntries([...items].slice(0, BAGGAGE_ITEMS_MAX));
}

function split(item: string): [string, string | undefined] {
  const at = item.indexOf("=");
  const key = item.slice(0, at).trim();
  return at < 0 || !key ? ["", undefined] : [key, item.slice(at + 1).trim()];
}

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** The layout of Jaeger's Go client: trace ID, span ID, parent ID, flags, baggage. */
export function injectBinary(context: SigynSpanContext): Buffer {
  const items = Object.entries(context.baggage).flat();
  const parts = [Buffer.from(context.traceId + context.spanId + "0".repeat(16), "hex")];
  const tail = Buffer.alloc(5);
  tail[0] = context.flags & (SAMPLED | DEBUG);
  tail.writeInt32BE(items.length / 2, 1);
  parts.push(tail);
  for (const item of items) {
    const bytes = Buffer.from(String(item));
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

/** `null` for anything that is not whole. */
export function extractBinary(bytes: Buffer): SigynSpanContext | null {
  if (bytes.length < BINARY_HEAD_BYTES + 4) return null;
  const head = found(
    bytes.toString("hex", 0, 16),
    bytes.toString("hex", 16, 24),
    bytes[32] & (SAMPLED | DEBUG),
  );
  const count = bytes.readInt32BE(BINARY_HEAD_BYTES);
  if (!head || count < 0 || count > BAGGAGE_ITEMS_MAX) return null;
  const texts: string[] = [];
  let at = BINARY_HEAD_BYTES + 4;
  for (let index = 0; index < 2 * count; index += 1) {
    if (at + 4 > bytes.length) return null;
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < 0 || at + length > bytes.length) return null;
    texts.push(bytes.toString("utf8", at, at + length));
    at += length;
  }
  const baggage: Record<string, string> = {};
  for (let index = 0; index < texts.length; index += 2) baggage[texts[index]] = texts[index + 1];
  return new SigynSpanContext(head.traceId, head.spanId, head.flags, baggage, "", true);
}
