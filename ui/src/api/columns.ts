// The spans of a trace as the server writes them for this page: a list for each property, and what repeats
// written once. A trace of 100,000 spans is read in a fraction of the time that OTLP/JSON takes.

import type { SpanId } from "../base/ids.ts";
import { asArray, asBigint, asNumber, asObject, asString, type JsonObject } from "../base/json.ts";
import { type Nanos, nanos } from "../base/time.ts";
import {
  type Attribute,
  kindOf,
  parseEvents,
  parseLinks,
  parseResource,
  parseScope,
  parseValue,
  type Resource,
  type Scope,
  type Span,
  type SpanEvent,
  type SpanKind,
  type SpanLink,
  type StatusCode,
  statusOf,
} from "./otlp.ts";

const ID_DIGITS = 16;
const NO_ID = "0".repeat(ID_DIGITS);

type Value = Pick<Attribute, "type" | "text">;

/** What the spans of one answer share. */
interface Shared {
  readonly attributeKeys: readonly unknown[];
  readonly attributeValues: readonly Value[];
  readonly key: readonly unknown[];
  readonly value: readonly unknown[];
  readonly details: ReadonlyMap<number, JsonObject>;
}

/** The spans, in the order they came. */
export function parseColumns(answer: JsonObject): Span[] {
  const columns = asObject(answer.spans);
  const names = asArray(answer.names).map(asString);
  const resources = asArray(answer.resources).map(parseResource);
  const scopes = asArray(answer.scopes).map(parseScope);
  const shared: Shared = {
    attributeKeys: asArray(answer.attributeKeys),
    attributeValues: asArray(answer.attributeValues).map(attributeValueOf),
    key: asArray(columns.attributeKey),
    value: asArray(columns.attributeValue),
    details: new Map(
      asArray(answer.details)
        .map(asObject)
        .map((detail) => [asNumber(detail.span, -1), detail]),
    ),
  };
  const first = asBigint(answer.startUnixNano);
  const ids = asString(columns.spanIds);
  const parentIds = asString(columns.parentSpanIds);
  const [name, kind, status] = [columns.name, columns.kind, columns.status].map(asArray);
  const [resource, scope] = [columns.resource, columns.scope].map(asArray);
  const [starts, durations, counts] = [columns.start, columns.duration, columns.attributes].map(
    asArray,
  );
  let attribute = 0;
  return name.map((place, at) => {
    const start = timeAfter(first, starts[at]);
    const from = attribute;
    attribute += asNumber(counts[at]);
    const own: Own = {
      spanId: idAt(ids, at),
      parentSpanId: idAt(parentIds, at),
      name: names[asNumber(place)] ?? "",
      kind: kindOf(kind[at]),
      start,
      end: timeAfter(start, durations[at]),
      status: statusOf(status[at]),
      resource: resources[asNumber(resource[at])] ?? NO_RESOURCE,
      scope: scopes[asNumber(scope[at])] ?? NO_SCOPE,
    };
    return new ReceivedSpan(own, shared, from, attribute, shared.details.get(at));
  });
}

type Own = Pick<
  Span,
  "spanId" | "parentSpanId" | "name" | "kind" | "start" | "end" | "status" | "resource" | "scope"
>;

const NO_RESOURCE = parseResource({});
const NO_SCOPE = parseScope({});

/**
 * A span as it came. What every row needs is read at once; attributes, events and links when they are
 * first asked for, because of 100,000 spans a person opens ten.
 */
class ReceivedSpan implements Span {
  readonly spanId: SpanId | null;
  readonly parentSpanId: SpanId | null;
  readonly name: string;
  readonly kind: SpanKind;
  readonly start: Nanos;
  readonly end: Nanos;
  readonly status: StatusCode;
  readonly resource: Resource;
  readonly scope: Scope;
  readonly #shared: Shared;
  readonly #from: number;
  readonly #to: number;
  readonly #detail: JsonObject | undefined;
  #attributes: readonly Attribute[] | null = null;
  #events: readonly SpanEvent[] | null = null;

  constructor(own: Own, shared: Shared, from: number, to: number, detail: JsonObject | undefined) {
    this.spanId = own.spanId;
    this.parentSpanId = own.parentSpanId;
    this.name = own.name;
    this.kind = own.kind;
    this.start = own.start;
    this.end = own.end;
    this.status = own.status;
    this.resource = own.resource;
    this.scope = own.scope;
    this.#shared = shared;
    this.#from = from;
    this.#to = to;
    this.#detail = detail;
  }

  get statusMessage(): string {
    return asString(this.#detail?.statusMessage);
  }

  get attributes(): readonly Attribute[] {
    this.#attributes ??= this.#readAttributes();
    return this.#attributes;
  }

  get events(): readonly SpanEvent[] {
    this.#events ??= parseEvents(this.#detail?.events);
    return this.#events;
  }

  get links(): readonly SpanLink[] {
    return parseLinks(this.#detail?.links);
  }

  get droppedCount(): number {
    return asNumber(this.#detail?.droppedCount);
  }

  #readAttributes(): readonly Attribute[] {
    const { attributeKeys, attributeValues, key, value } = this.#shared;
    const attributes: Attribute[] = [];
    for (let at = this.#from; at < this.#to; at++) {
      const { type, text } = attributeValues[asNumber(value[at])] ?? NO_VALUE;
      attributes.push({ key: asString(attributeKeys[asNumber(key[at])]), type, text });
    }
    return attributes;
  }
}

const NO_VALUE: Value = { type: "empty", text: "" };

function attributeValueOf(json: unknown): Value {
  return typeof json === "string" ? { type: "string", text: json } : parseValue(json);
}

function idAt(ids: string, at: number): SpanId | null {
  const id = ids.slice(at * ID_DIGITS, (at + 1) * ID_DIGITS);
  return id.length < ID_DIGITS || id === NO_ID ? null : (id as SpanId);
}

/** A number counts from `before`; a string is the Unix time itself. */
function timeAfter(before: bigint, json: unknown): Nanos {
  return nanos(typeof json === "number" ? before + BigInt(Math.trunc(json)) : asBigint(json));
}
