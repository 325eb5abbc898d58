import type { Attribute, Span } from "../api/otlp.ts";
import { evaluate, parseSpanSet } from "./span-filter.ts";
import type { Trace } from "./trace.ts";
import { TraceqlFault } from "./traceql-tokens.ts";

const texts = new WeakMap<Span, string>();

export interface Found {
  readonly spans: Int32Array;
  /** Why a query could not be read; null where it could. */
  readonly fault: TraceqlFault | null;
}

const NOTHING: Found = { spans: new Int32Array(0), fault: null };

/** TraceQL where the text begins like it, else the text itself, anywhere in a span. */
export function find(trace: Trace, text: string): Found {
  const query = text.trim();
  if (query === "") return NOTHING;
  if (!query.startsWith("{") && !query.startsWith("(")) {
    return { spans: findSpans(trace, text), fault: null };
  }
  try {
    const marks = evaluate(trace, parseSpanSet(query));
    const spans: number[] = [];
    marks.forEach((mark, span) => {
      if (mark === 1) spans.push(span);
    });
    return { spans: Int32Array.from(spans), fault: null };
  } catch (error) {
    if (error instanceof TraceqlFault) return { ...NOTHING, fault: error };
    throw error;
  }
}

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
