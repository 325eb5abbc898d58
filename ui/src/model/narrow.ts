// Changes to a search that a click or a drag stands for.

import type { TimeRange } from "./time-range.ts";
import { attributeName, buildQuery, literal, parseQuery, quote } from "./traceql.ts";

export interface Narrowing {
  readonly fromMillis: number;
  readonly toMillis: number;
  /** 0 and infinity: any. */
  readonly fromNanos: number;
  readonly toNanos: number;
}

/** The query and range of a box that was dragged over the map. */
export function narrowed(
  query: string,
  narrowing: Narrowing,
): { readonly query: string; readonly range: TimeRange } {
  const start = Math.floor(narrowing.fromMillis / 1000);
  const range: TimeRange = {
    kind: "between",
    startSeconds: start,
    endSeconds: Math.max(Math.ceil(narrowing.toMillis / 1000), start + 1),
  };
  const isAny = narrowing.fromNanos <= 0 && !Number.isFinite(narrowing.toNanos);
  return { query: isAny ? query : withDurations(query, narrowing), range };
}

function withDurations(query: string, { fromNanos, toNanos }: Narrowing): string {
  const durationMin = fromNanos > 0 ? microseconds(fromNanos) : "";
  const durationMax = Number.isFinite(toNanos) ? microseconds(toNanos) : "";
  const form = parseQuery(query);
  if (form) return buildQuery({ ...form, durationMin, durationMax });
  const conditions = [
    ...(durationMin === "" ? [] : [`duration >= ${durationMin}`]),
    ...(durationMax === "" ? [] : [`duration <= ${durationMax}`]),
  ];
  return joinedFilter(query, conditions.join(" && "));
}

/** Three digits in a unit that reads well; TraceQL takes fractions. */
function microseconds(nanos: number): string {
  if (nanos >= 1e9) return `${Number((nanos / 1e9).toPrecision(3))}s`;
  if (nanos >= 1e6) return `${Number((nanos / 1e6).toPrecision(3))}ms`;
  return `${Math.max(1, Number((nanos / 1e3).toPrecision(3)))}us`;
}

/** The query, kept to a value of a field. */
export function withValue(query: string, field: string, value: string): string {
  const form = parseQuery(query);
  if (form) {
    if (field === "resource.service.name") return buildQuery({ ...form, service: value });
    if (field === "name") return buildQuery({ ...form, operation: value });
    if (field === "status" && (value === "error" || value === "ok" || value === "unset")) {
      return buildQuery({ ...form, status: value });
    }
  }
  return joinedFilter(query, conditionOf(field, value));
}

function conditionOf(field: string, value: string): string {
  if (field === "status" || field === "kind") return `${field} = ${value}`;
  if (/^(span|resource|event|link|instrumentation)?\./.test(field)) {
    return `${attributeName(field)} = ${literal(value)}`;
  }
  return `${field} = ${quote(value)}`;
}

/** A filter that is alone takes the condition in; beside anything else a second filter is put. */
function joinedFilter(query: string, condition: string): string {
  const text = query.trim();
  if (text === "" || /^\{\s*\}$/.test(text)) return `{ ${condition} }`;
  if (/^\{[^{}"`|]*\}$/.test(text)) {
    return `{ ${text.slice(1, -1).trim()} && ${condition} }`;
  }
  return `{ ${condition} } && ${text}`;
}
