import type { Attribute, Span } from "../api/otlp.ts";

/** A span as JSON to paste elsewhere: plain keys and values, times as exact nanoseconds. */
export function spanJson(span: Span): string {
  return JSON.stringify(
    {
      spanId: span.spanId,
      parentSpanId: span.parentSpanId,
      service: span.resource.serviceName,
      name: span.name,
      kind: span.kind,
      startTimeUnixNano: String(span.start),
      endTimeUnixNano: String(span.end),
      status: span.status,
      statusMessage: span.statusMessage || undefined,
      attributes: plainAttributes(span.attributes),
      events: span.events.map((event) => ({
        name: event.name,
        timeUnixNano: String(event.time),
        attributes: plainAttributes(event.attributes),
      })),
      links: span.links.map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
      resource: plainAttributes(span.resource.attributes),
      scope: { name: span.scope.name, version: span.scope.version },
    },
    null,
    2,
  );
}

function plainAttributes(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map((one) => [one.key, plainValue(one)]));
}

function plainValue({ type, text }: Attribute): unknown {
  if (type === "double" || (type === "int" && Number.isSafeInteger(Number(text))))
    return Number(text);
  if (type === "bool") return text === "true";
  if (type === "array" || type === "map") return JSON.parse(text);
  return type === "empty" ? null : text;
}
