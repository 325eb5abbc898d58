// Traces that a demo never makes, as OTLP/JSON bodies. Each has an ID of its own that the steps open.

const KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };
const MILLI = 1_000_000n;

const text = (key, stringValue) => ({ key, value: { stringValue } });
const hex = (number, digits) => number.toString(16).padStart(digits, "0");

export const TRACE_IDS = {
  single: "51".padStart(32, "0"),
  large: "52".padStart(32, "0"),
  siblings: "53".padStart(32, "0"),
  deep: "54".padStart(32, "0"),
  orphans: "55".padStart(32, "0"),
  cycle: "56".padStart(32, "0"),
  skew: "57".padStart(32, "0"),
  huge: "58".padStart(32, "0"),
  hostile: "59".padStart(32, "0"),
  shared: "5a".padStart(32, "0"),
};
export const LARGE_SPANS = 100_000;
export const HOSTILE = '<img src=x onerror="window.hacked=1">\u202e{{7*7}}\u0000';

/** Name → spans `{service, id, parent, name, kind, from, to, …}`, times in milliseconds from the start. */
export function craftedTraces() {
  const span = (id, parent, name, from, to, more = {}) => ({
    service: "shop",
    id: hex(id, 16),
    parent: parent === 0 ? "" : hex(parent, 16),
    name,
    from,
    to,
    ...more,
  });
  return {
    single: [span(1, 0, "alone", 0, 12)],
    large: largeTrace(span),
    siblings: [
      span(1, 0, "list orders", 0, 4100),
      ...Array.from({ length: 2000 }, (_, i) =>
        span(i + 2, 1, `SELECT order ${i}`, 2 * i, 2 * i + 1.5, {
          service: "db",
          kind: "client",
          isError: i === 700,
        }),
      ),
    ],
    deep: Array.from({ length: 500 }, (_, i) => span(i + 1, i, `level ${i}`, i, 1000 - i)),
    orphans: [
      span(1, 0, "root", 0, 100),
      span(3, 99, "lost its parent", 20, 60, { service: "cart" }),
      span(4, 3, "child of the orphan", 30, 50, { service: "cart" }),
    ],
    cycle: [
      span(1, 0, "root", 0, 100),
      span(2, 3, "hen", 10, 90),
      span(3, 2, "egg", 20, 80),
      span(4, 4, "its own parent", 30, 40),
    ],
    skew: [
      span(1, 0, "GET /pay", 0, 100, { kind: "server" }),
      span(2, 1, "call bank", 10, 90, { kind: "client" }),
      span(3, 2, "charge", -250, -190, { kind: "server", service: "bank" }),
      span(4, 3, "query", -240, -200, { service: "bank" }),
    ],
    huge: [
      span(1, 0, "huge", 0, 10, {
        attributes: [
          ...Array.from({ length: 120 }, (_, i) => text(`key.${i}`, `value ${i}`)),
          text("blob", "lorem ipsum ".repeat(20_000)),
        ],
      }),
    ],
    hostile: [
      span(1, 0, HOSTILE, 0, 10, {
        service: `"${HOSTILE}`,
        attributes: [
          text("__proto__", HOSTILE),
          text("javascript:alert(1)", "javascript:alert(1)"),
        ],
      }),
    ],
    shared: [
      span(1, 0, "root", 0, 100),
      span(2, 1, "call", 10, 90, { kind: "client" }),
      span(2, 1, "serve", 20, 80, { kind: "server", service: "bank" }),
      span(3, 2, "query", 30, 40, { service: "bank", kind: "client" }),
    ],
  };
}

function largeTrace(span) {
  const services = ["orders", "catalog", "pricing", "inventory", "mailer", "cart"];
  return Array.from({ length: LARGE_SPANS }, (_, i) =>
    span(
      i + 1,
      i === 0 ? 0 : Math.floor((i - 1) / 7) + 1,
      `${i % 3 ? "load" : "rank"} part`,
      i * 0.01,
      2000 - i * 0.005,
      {
        service: services[(i >> 3) % services.length],
        isError: i % 5000 === 4999,
        attributes: [text("part", String(i)), text("shard", `s${i % 16}`)],
      },
    ),
  );
}

/** The bodies to post for one trace; several, because a body may not be larger than the receiver takes. */
export function bodiesOf(traceId, spans, startNanos, spansMax = 10_000) {
  const bodies = [];
  for (let at = 0; at < spans.length; at += spansMax) {
    bodies.push({
      resourceSpans: resourceSpans(traceId, spans.slice(at, at + spansMax), startNanos),
    });
  }
  return bodies;
}

function resourceSpans(traceId, spans, startNanos) {
  const nanos = (millis) => String(startNanos + BigInt(Math.round(millis * 1e3)) * (MILLI / 1000n));
  const byService = Map.groupBy
    ? Map.groupBy(spans, (one) => one.service)
    : spans.reduce(
        (map, one) => map.set(one.service, [...(map.get(one.service) ?? []), one]),
        new Map(),
      );
  return [...byService].map(([service, list]) => ({
    resource: { attributes: [text("service.name", service), text("host.name", `${service}-1`)] },
    scopeSpans: [
      {
        scope: { name: "crafted" },
        spans: list.map((one) => ({
          traceId,
          spanId: one.id,
          parentSpanId: one.parent,
          name: one.name,
          kind: KIND[one.kind ?? "internal"],
          startTimeUnixNano: nanos(one.from),
          endTimeUnixNano: nanos(one.to),
          attributes: one.attributes ?? [],
          status: one.isError ? { code: 2, message: "it broke" } : {},
        })),
      },
    ],
  }));
}
