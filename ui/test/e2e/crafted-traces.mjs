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
  fleet: "5b".padStart(32, "0"),
  messy: "5c".padStart(32, "0"),
  queue: "60".padStart(32, "0"),
  days: "61".padStart(32, "0"),
  loop: "62".padStart(32, "0"),
  times: "5e".padStart(32, "0"),
  timeless: "5f".padStart(32, "0"),
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
    queue: [
      span(1, 0, "POST /enqueue", 0, 30, { kind: "server" }),
      span(2, 1, "publish", 10, 20, { kind: "producer" }),
      span(3, 2, "job", 900, 2900, { service: "worker", kind: "consumer" }),
      span(4, 3, "render pdf", 910, 2800, { service: "worker" }),
    ],
    days: [
      span(1, 0, "GET /pay", 0, 900, { kind: "server" }),
      span(2, 1, "call sensor", 10, 880, { kind: "client" }),
      span(3, 2, "read", -259_200_000, -259_199_400, { service: "sensor", kind: "server" }),
    ],
    loop: loopTrace(span),
    times: [
      span(1, 0, "GET /report", 0, 100, { kind: "server" }),
      span(2, 1, "ends before it starts", 60, 20),
      { ...span(3, 1, "came without times", 0, 0), isUntimed: true },
      span(4, 1, "three days ahead", 259_200_000, 259_200_050, { service: "cron" }),
      span(5, 1, "takes no time", 30, 30),
      span(6, 1, "outlives its parent", 80, 180, { kind: "producer" }),
    ],
    timeless: [
      { ...span(1, 0, "root", 0, 0), isUntimed: true },
      { ...span(2, 1, "child", 0, 0, { isError: true }), isUntimed: true },
      { ...span(3, 1, "child", 0, 0), isUntimed: true },
    ],
    fleet: fleetTrace(span),
    messy: messyTrace(span),
    shared: [
      span(1, 0, "root", 0, 100),
      span(2, 1, "call", 10, 90, { kind: "client" }),
      span(2, 1, "serve", 20, 80, { kind: "server", service: "bank" }),
      span(3, 2, "query", 30, 40, { service: "bank", kind: "client" }),
    ],
  };
}

/** A loop of 900 queries of which one failed, and before the end 60 calls side by side, whose sum is larger. */
function loopTrace(span) {
  const query = (i) =>
    span(i + 2, 1, "SELECT product", 20 + i * 3, 22.5 + i * 3, {
      kind: "client",
      isError: i === 433,
    });
  const lookup = (i) =>
    span(i + 1000, 1, "price.Lookup", 2800 + i, 3400 + i, { service: "prices", kind: "client" });
  return [
    span(1, 0, "GET /report", 0, 3500, { kind: "server" }),
    ...Array.from({ length: 900 }, (_, i) => query(i)),
    ...Array.from({ length: 60 }, (_, i) => lookup(i)),
  ];
}

/**
 * What somebody has on a bad day: a checkout of 3,000 spans over 14 services, a loop of queries, retries that fail, one
 * clock that is wrong, spans without times, an orphan, IDs that two sides share, and a span that is still running.
 */
function messyTrace(span) {
  const random = numbers(11);
  const spans = [span(1, 0, "POST /checkout", 0, 2400, { service: "gateway", kind: "server" })];
  let id = 2;
  const add = (parent, name, from, to, more) => {
    spans.push(span(id, parent, name, from, to, more));
    return id++;
  };
  const backends = ["pricing", "stock", "tax", "fraud", "loyalty", "address", "shipping", "rates"];
  const cart = add(1, "load cart", 20, 900, { service: "cart", kind: "server" });
  for (let i = 0; i < 420; i++) {
    const query = add(cart, "SELECT item", 24 + i * 2, 25.6 + i * 2, {
      service: "cart",
      kind: "client",
      attributes: [
        text("db.system", "postgresql"),
        text("db.statement", `SELECT * FROM item WHERE id = ${i}`),
      ],
    });
    add(query, "postgres.query", 24.2 + i * 2, 25.4 + i * 2, {
      service: "postgres",
      kind: "server",
    });
  }
  const order = add(1, "price order", 910, 1500, { service: "orders", kind: "server" });
  for (let i = 0; i < 90; i++) {
    const service = backends[i % backends.length];
    const from = 912 + i * 6;
    const caller = add(order, `call ${service}`, from, from + 30 + random() * 40, {
      service: "orders",
      kind: "client",
    });
    const callee = add(caller, `${service}.get`, from + 2, from + 20 + random() * 20, {
      service,
      kind: "server",
    });
    for (let j = 0; j < 9; j++) {
      add(callee, j % 3 ? `HGET ${service}` : "render", from + 2 + j, from + 3 + j, { service });
    }
  }
  const pay = add(1, "pay", 1510, 2390, { service: "payment", kind: "server", isError: true });
  for (let i = 0; i < 4; i++) {
    const from = 1520 + i * 215;
    const attempt = add(pay, "POST /charge", from, from + 200, {
      service: "payment",
      kind: "client",
      isError: i < 3,
      attributes: [text("http.response.status_code", i < 3 ? "503" : "200")],
    });
    // The bank's clock is 40 s ahead, and it answers under the caller's span ID.
    spans.push(
      span(attempt, pay, "charge card", from + 40_010, from + 40_190, {
        service: "bank",
        kind: "server",
        isError: i < 3,
      }),
    );
  }
  for (let i = 0; i < 60; i++) {
    spans.push({ ...span(id++, order, "audit", 0, 0, { service: "audit" }), isUntimed: true });
  }
  add(99_999, "lost its parent", 700, 760, { service: "mailer" });
  for (let i = 0; i < 500; i++) {
    const from = 1000 + i * 2.2;
    add(1, "publish", from, from + 1 + random() * 3, { service: "events", kind: "producer" });
  }
  return spans;
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
          startTimeUnixNano: one.isUntimed ? "0" : nanos(one.from),
          endTimeUnixNano: one.isUntimed ? "0" : nanos(one.to),
          attributes: one.attributes ?? [],
          status: one.isError ? { code: 2, message: "it broke" } : {},
        })),
      },
    ],
  }));
}

/** A repeatable stream of numbers from 0 to 1. */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** 200 services in eight layers, each called by one to three of the layer before: what a map has to stay readable at. */
function fleetTrace(span) {
  const random = numbers(7);
  const areas = ["cart", "search", "user", "billing", "media", "stock", "mail", "geo"];
  const layers = [6, 16, 28, 36, 40, 36, 26, 12].map((count, layer) =>
    Array.from({ length: count }, (_, i) => `${areas[(i + layer) % areas.length]}-${layer}-${i}`),
  );
  const spans = [span(1, 0, "tick", 0, 6000, { service: "scheduler", kind: "server" })];
  let id = 2;
  const call = (caller, service, from) => {
    const [length, isError] = [5 + random() * 120, random() < 0.04];
    const side = { kind: "client", isError };
    spans.push(span(id, 1, `call ${service}`, from, from + length, { ...side, service: caller }));
    const served = { service, kind: "server", isError };
    spans.push(span(id + 1, id, `serve ${service}`, from + 1, from + length - 1, served));
    id += 2;
  };
  for (const [layer, services] of layers.entries()) {
    const above = layer === 0 ? ["scheduler"] : layers[layer - 1];
    for (const service of services) {
      const callers = new Set(
        Array.from(
          { length: 1 + Math.floor(random() * 3) },
          () => above[Math.floor(random() * above.length)],
        ),
      );
      for (const caller of callers) {
        const calls = 1 + Math.floor(random() ** 4 * 12);
        for (let i = 0; i < calls; i++) call(caller, service, layer * 700 + random() * 600);
      }
    }
  }
  return spans;
}
