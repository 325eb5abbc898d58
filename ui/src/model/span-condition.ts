// One comparison of TraceQL against one span.

import type { Attribute, Span } from "../api/otlp.ts";
import { say } from "../base/say.ts";
import { childrenOf, mainRoot, type Trace } from "./trace.ts";
import { type Literal, TraceqlFault } from "./traceql-tokens.ts";

export interface Condition {
  readonly field: string;
  readonly operator: "=" | "!=" | "<" | "<=" | ">" | ">=" | "=~" | "!~";
  readonly value: Literal;
}

/** What a span has under a field. Several values where any event or link may hold it. */
type Value = string | number | boolean;

const INTRINSICS: Readonly<Record<string, (trace: Trace, span: number) => readonly Value[]>> = {
  name: (trace, i) => [trace.spans[i].name],
  kind: (trace, i) => [trace.spans[i].kind],
  status: (trace, i) => [trace.spans[i].status],
  statusMessage: (trace, i) => [trace.spans[i].statusMessage],
  duration: (trace, i) => [trace.duration[i]],
  childCount: (trace, i) => [childrenOf(trace, i).length],
  id: (trace, i) => [trace.spans[i].spanId ?? ""],
  parentID: (trace, i) => [trace.spans[i].parentSpanId ?? ""],
  traceDuration: (trace) => [trace.durationNanos],
  rootName: (trace) => [trace.spans[mainRoot(trace)]?.name ?? ""],
  rootServiceName: (trace) => [trace.spans[mainRoot(trace)]?.resource.serviceName ?? ""],
  "event:name": (trace, i) => trace.spans[i].events.map((event) => event.name),
  "link:traceID": (trace, i) => trace.spans[i].links.map((link) => link.traceId ?? ""),
  "link:spanID": (trace, i) => trace.spans[i].links.map((link) => link.spanId ?? ""),
  "instrumentation:name": (trace, i) => [trace.spans[i].scope.name],
  "instrumentation:version": (trace, i) => [trace.spans[i].scope.version],
};

const SPELLINGS: Readonly<Record<string, string>> = {
  "trace:duration": "traceDuration",
  "trace:rootName": "rootName",
  "trace:rootService": "rootServiceName",
  rootService: "rootServiceName",
};

type Read = (trace: Trace, span: number) => readonly Value[];
const readers = new Map<string, Read>();

/** How a field is read; throws where there is no such field. */
function readerOf(field: string): Read {
  let read = readers.get(field);
  if (read) return read;
  const intrinsic = SPELLINGS[field] ?? field.replace(/^span:/, "");
  const attribute = /^(span|resource|event|link|instrumentation|)\.(.+)$/s.exec(field);
  if (Object.hasOwn(INTRINSICS, intrinsic)) read = INTRINSICS[intrinsic];
  else if (attribute) read = attributeReader(attribute[1], bareKey(attribute[2]));
  else throw new TraceqlFault(say("spanCondition.thereIsNoFieldAttributesBegin", { field }), 0);
  readers.set(field, read);
  return read;
}

function bareKey(key: string): string {
  return key.startsWith('"') ? key.slice(1, -1).replace(/\\(.)/g, "$1") : key;
}

function attributeReader(scope: string, key: string): Read {
  return (trace, i) => {
    const span = trace.spans[i];
    switch (scope) {
      case "span":
        return valuesOf(span.attributes, key);
      case "resource":
        return valuesOf(span.resource.attributes, key);
      case "event":
        return span.events.flatMap((event) => valuesOf(event.attributes, key));
      case "link":
        return span.links.flatMap((link) => valuesOf(link.attributes, key));
      case "instrumentation":
        return valuesOf(span.scope.attributes, key);
    }
    return anyScope(span, key);
  };
}

function anyScope(span: Span, key: string): readonly Value[] {
  const own = valuesOf(span.attributes, key);
  return own.length > 0 ? own : valuesOf(span.resource.attributes, key);
}

function valuesOf(attributes: readonly Attribute[], key: string): readonly Value[] {
  const values: Value[] = [];
  for (const attribute of attributes) {
    if (attribute.key !== key) continue;
    if (attribute.type === "array") {
      for (const entry of JSON.parse(attribute.text) as unknown[]) {
        values.push(
          typeof entry === "number" || typeof entry === "boolean" ? entry : String(entry),
        );
      }
    } else if (attribute.type === "int" || attribute.type === "double") {
      values.push(Number(attribute.text));
    } else if (attribute.type === "bool") values.push(attribute.text === "true");
    else if (attribute.type !== "empty") values.push(attribute.text);
  }
  return values;
}

const patterns = new Map<string, RegExp>();

/** Anchored at both ends, as in TraceQL. */
function patternOf(text: string): RegExp {
  let pattern = patterns.get(text);
  if (!pattern) {
    if (patterns.size > 100) patterns.clear();
    pattern = new RegExp(`^(?:${text})$`, "su");
    patterns.set(text, pattern);
  }
  return pattern;
}

export function conditionHolds(trace: Trace, span: number, condition: Condition): boolean {
  const { operator, value } = condition;
  const found = readerOf(condition.field)(trace, span);
  if (value.kind === "nil") return operator === "=" ? found.length === 0 : found.length > 0;
  const isNegative = operator === "!=" || operator === "!~";
  if (!isNegative) return found.some((one) => compares(one, operator, value));
  const positive = operator === "!=" ? "=" : "=~";
  return found.length > 0 && !found.some((one) => compares(one, positive, value));
}

function compares(one: Value, operator: Condition["operator"], literal: Literal): boolean {
  if (literal.kind === "nil") return false;
  const other = literal.value;
  if (operator === "=~") return typeof one === "string" && patternOf(String(other)).test(one);
  if (typeof one !== typeof other) return false;
  switch (operator) {
    case "=":
      return one === other;
    case "<":
      return one < other;
    case "<=":
      return one <= other;
    case ">":
      return one > other;
    case ">=":
      return one >= other;
    default:
      return false;
  }
}
