/** From an OpenTracing span to OTLP, as OpenTelemetry's compatibility page and Jaeger do it. */
import { type EventRecord, REMOTE, REMOTE_KNOWN, type SpanRecord, type Time } from "../otlp.js";
import type { SigynSpanContext } from "./context.js";
import type { SigynSpan, SpanLog } from "./span.js";

const KINDS: Record<string, number> = { server: 2, client: 3, producer: 4, consumer: 5 };
const INTERNAL = 1;
const OK = 1;
const ERROR = 2;
/** An event that tells of an error says so under OpenTelemetry's names. */
const ERROR_FIELDS: Record<string, string> = {
  "error.kind": "exception.type",
  message: "exception.message",
  stack: "exception.stacktrace",
};

export function toRecord(span: SigynSpan, context: SigynSpanContext, end: Time): SpanRecord {
  let attributes = span.tags;
  let kind = INTERNAL;
  let code = 0;
  if ("span.kind" in attributes || "error" in attributes) {
    const { "span.kind": wanted, error, ...rest } = attributes;
    attributes = rest;
    if (typeof wanted === "string" && Object.hasOwn(KINDS, wanted)) kind = KINDS[wanted];
    else if (wanted !== undefined) attributes["span.kind"] = wanted;
    if (error === true || error === "true" || error === 1) code = ERROR;
    else if (error === false || error === "false") code = OK;
    else if (error !== undefined) attributes.error = error;
  }
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    traceState: context.traceState,
    parentId: span.parent?.spanId ?? "",
    name: span.operationName,
    kind,
    start: span.startTime,
    end,
    code,
    message: "",
    flags: flags(context, span.parent),
    attributes,
    attributesDropped: 0,
    events: span.logs.map(event),
    eventsDropped: 0,
    links: span.references.map(({ type, context: other }) => ({
      traceId: other.traceId,
      spanId: other.spanId,
      traceState: other.traceState,
      flags: flags(other, other),
      attributes: { "opentracing.ref_type": type },
      dropped: 0,
    })),
    linksDropped: 0,
  };
}

function flags(context: SigynSpanContext, remote: SigynSpanContext | undefined): number {
  return (context.flags & 0xff) | REMOTE_KNOWN | (remote?.isRemote ? REMOTE : 0);
}

function event({ time, fields }: SpanLog): EventRecord {
  const { event: name, ...rest } = fields;
  if (typeof name !== "string") return { time, name: "log", attributes: fields, dropped: 0 };
  if (name !== "error") return { time, name, attributes: rest, dropped: 0 };
  const attributes: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest)) {
    if (key === "error.object" && value instanceof Error) {
      // What the log does not say itself.
      if (!("error.kind" in rest)) attributes["exception.type"] = value.name;
      if (!("message" in rest)) attributes["exception.message"] = value.message;
      if (!("stack" in rest) && value.stack) attributes["exception.stacktrace"] = value.stack;
    } else {
      attributes[Object.hasOwn(ERROR_FIELDS, key) ? ERROR_FIELDS[key] : key] = value;
    }
  }
  return { time, name: "exception", attributes, dropped: 0 };
}
