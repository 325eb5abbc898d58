// The shared vectors (clients/vectors) as calls of this client.
import { readFileSync } from "node:fs";
import { createTraceState } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { childOf, FORMAT_HTTP_HEADERS, followsFrom } from "opentracing";
import { SpanBuffer } from "../dist/index.js";
import { Tracer } from "../dist/opentracing/index.js";
import { fields } from "../dist/otlp.js";

export function load(name) {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), "utf8"));
}

function int(text) {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

function typed({ type, value }) {
  if (type === "int") return int(value);
  if (type === "ints") return value.map(int);
  if (type === "double") return Number(value);
  if (type === "bytes") return Buffer.from(value, "hex");
  return value;
}

function valuesOf(list = []) {
  return Object.fromEntries(list.map((attribute) => [attribute.key, typed(attribute)]));
}

/** What cannot be said here: every number that is whole is an integer. */
export const CANNOT = ["whole_double"];

function time(nanos) {
  return [Number(BigInt(nanos) / 1_000_000_000n), Number(BigInt(nanos) % 1_000_000_000n)];
}

function context(given, traceId) {
  return {
    traceId,
    spanId: given.span_id,
    traceFlags: given.flags ?? 1,
    isRemote: given.remote,
    traceState: given.trace_state ? createTraceState(given.trace_state) : undefined,
  };
}

const KINDS = ["internal", "server", "client", "producer", "consumer"];
const CODES = ["unset", "ok", "error"];

export async function spanBody(testCase) {
  const { span, scope } = testCase;
  const buffer = new SpanBuffer({ capacityBytes: 1 << 20, spanBytesMax: testCase.span_bytes_max });
  buffer.processor().onEnd({
    name: span.name,
    kind: KINDS.indexOf(span.kind),
    spanContext: () => context(span, span.trace_id),
    parentSpanContext: span.parent && context(span.parent, span.trace_id),
    startTime: time(span.start),
    endTime: time(span.end),
    status: { code: CODES.indexOf(span.status?.code ?? "unset"), message: span.status?.message },
    attributes: valuesOf(span.attributes),
    droppedAttributesCount: span.attributes_dropped ?? 0,
    events: (span.events ?? []).map((event) => ({
      name: event.name,
      time: time(event.time),
      attributes: valuesOf(event.attributes),
    })),
    droppedEventsCount: span.events_dropped ?? 0,
    links: (span.links ?? []).map((link) => ({
      context: context(link, link.trace_id),
      attributes: valuesOf(link.attributes),
    })),
    droppedLinksCount: span.links_dropped ?? 0,
    resource: resourceFromAttributes(valuesOf(testCase.resource)),
    instrumentationScope: {
      name: scope.name,
      version: scope.version,
      schemaUrl: scope.schema_url,
      attributes: valuesOf(scope.attributes),
    },
  });
  return (await buffer.answer("GET", "")).body.toString("hex");
}

const REFERENCES = { child_of: childOf, follows_from: followsFrom };

export async function opentracingBody({ span: given }, serviceName) {
  const tracer = new Tracer({ serviceName });
  const references = (given.references ?? []).map(({ type, headers }) =>
    REFERENCES[type](tracer.extract(FORMAT_HTTP_HEADERS, headers)),
  );
  const span = tracer.startSpan(given.operation_name, {
    references,
    startTime: given.start * 1000,
  });
  for (const tag of given.tags ?? []) span.setTag(tag.key, typed(tag));
  for (const log of given.logs ?? []) span.log(valuesOf(log.fields), log.time * 1000);
  for (const [key, value] of given.baggage ?? []) span.setBaggageItem(key, value);
  if (given.rename) span.setOperationName(given.rename);
  span.finish(given.finish * 1000);
  // The IDs that the tracer drew stand for the vector's: eights and, for a root, sevens.
  const body = (await tracer.buffer.answer("GET", "")).body.toString("hex");
  const named = body.replaceAll(span.context().toSpanId(), "8".repeat(16));
  return references.length > 0
    ? named
    : named.replaceAll(span.context().toTraceId(), "7".repeat(32));
}

function contents(message, wanted) {
  return [...fields(message)]
    .filter(({ number }) => number === wanted)
    .map(({ content }) => content);
}

/** The encoded attributes of each span. */
export function attributesOf(body) {
  return contents(body, 1).flatMap((resourceSpans) =>
    contents(resourceSpans, 2).flatMap((scopeSpans) =>
      contents(scopeSpans, 2).flatMap((span) =>
        contents(span, 9).map((attribute) => Buffer.from(attribute).toString("hex")),
      ),
    ),
  );
}

/** Number, scope and whether it is cut, of each numbered span. */
export function spansOf(body) {
  const mark = Buffer.from("sigyn.truncated");
  return contents(body, 1).flatMap((resourceSpans) =>
    contents(resourceSpans, 2).flatMap((scopeSpans) => {
      const scope = contents(scopeSpans, 1).flatMap((message) => contents(message, 1));
      return contents(scopeSpans, 2).map((span) => ({
        number: Number(Buffer.from(contents(span, 2)[0]).readBigUInt64BE()) - 1,
        name: Buffer.from(contents(span, 5)[0] ?? []).toString(),
        traceId: Buffer.from(contents(span, 1)[0]).toString("hex"),
        spanId: Buffer.from(contents(span, 2)[0]).toString("hex"),
        parentId: Buffer.from(contents(span, 4)[0] ?? []).toString("hex"),
        scope: Buffer.concat(scope).toString(),
        cut: contents(span, 9).some((attribute) => mark.equals(contents(attribute, 1)[0])),
      }));
    }),
  );
}
