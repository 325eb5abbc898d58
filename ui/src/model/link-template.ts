// Links from a span to logs and metrics elsewhere, by templates such as
// `https://logs.example/?q={service}&trace={traceId}&from={startMillis}`.

import type { Span } from "../api/otlp.ts";

export interface LinkTemplate {
  readonly name: string;
  readonly url: string;
}

export const TEMPLATE_FIELDS =
  "{traceId} {spanId} {service} {name} {startMillis} {endMillis} {startSeconds} {endSeconds} {any.attribute}";

/** The address for a span; null where the span lacks what the template asks for, or it is no web address. */
export function fillTemplate(template: string, span: Span, traceId: string): string | null {
  let isWhole = true;
  const url = template.replace(/\{([^{}]+)\}/g, (_, field: string) => {
    const value = fieldOf(field.trim(), span, traceId);
    if (value === null) isWhole = false;
    return encodeURIComponent(value ?? "");
  });
  return isWhole && /^https?:\/\//.test(url) ? url : null;
}

function fieldOf(field: string, span: Span, traceId: string): string | null {
  switch (field) {
    case "traceId":
      return traceId;
    case "spanId":
      return span.spanId;
    case "service":
      return span.resource.serviceName;
    case "name":
      return span.name;
    case "startMillis":
      return String(span.start / 1_000_000n);
    case "endMillis":
      return String(span.end / 1_000_000n + 1n);
    case "startSeconds":
      return String(span.start / 1_000_000_000n);
    case "endSeconds":
      return String(span.end / 1_000_000_000n + 1n);
  }
  const bare = field.replace(/^(span|resource)\./, "");
  const found =
    span.attributes.find(({ key }) => key === bare) ??
    span.resource.attributes.find(({ key }) => key === bare);
  return found?.text ?? null;
}
