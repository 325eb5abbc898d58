import type { Attribute, Span } from "../api/otlp.ts";
import type { Trace } from "./trace.ts";

const texts = new WeakMap<Span, string>();

/** Indices of the spans that hold the text anywhere: names, attributes, events, status, IDs. */
export function findSpans(trace: Trace, text: string): Int32Array {
  const needle = text.trim().toLowerCase();
  if (needle === "") return new Int32Array(0);
  const found: number[] = [];
  for (let i = 0; i < trace.spans.length; i++) {
    if (searchText(trace.spans[i]).includes(needle)) found.push(i);
  }
  return Int32Array.from(found);
}

/** The next match after (or before) a span, round the end. −1 where nothing matches. */
export function nextMatch(matches: Int32Array, from: number, step: 1 | -1): number {
  if (matches.length === 0) return -1;
  if (step > 0) return matches.find((span) => span > from) ?? matches[0];
  return matches.findLast((span) => span < from) ?? matches[matches.length - 1];
}

function searchText(span: Span): string {
  let text = texts.get(span);
  if (text === undefined) {
    const parts = [span.name, span.resource.serviceName, span.spanId ?? "", span.statusMessage];
    parts.push(`kind=${span.kind}`, `status=${span.status}`);
    pushAttributes(parts, span.attributes);
    pushAttributes(parts, span.resource.attributes);
    for (const event of span.events) {
      parts.push(event.name);
      pushAttributes(parts, event.attributes);
    }
    text = parts.join("\n").toLowerCase();
    texts.set(span, text);
  }
  return text;
}

function pushAttributes(parts: string[], attributes: readonly Attribute[]): void {
  for (const { key, text } of attributes) parts.push(`${key}=${text}`);
}
