import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { get as getTls } from "node:https";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { BasicTracerProvider, SamplingDecision } from "@opentelemetry/sdk-trace-base";
import express from "express";
import fastify from "fastify";
import { Histogram, Registry } from "prom-client";
import { exemplar, SpanBuffer } from "../dist/index.js";
import { attributesOf, spansOf } from "./vectors.mjs";

function tracerOf(buffer, options = {}) {
  return new BasicTracerProvider({ spanProcessors: [buffer.processor()], ...options }).getTracer(
    "t",
  );
}

async function listen(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

test("spans that the sampler only records are recorded", () => {
  const buffer = new SpanBuffer();
  const sampler = {
    shouldSample: () => ({ decision: SamplingDecision.RECORD }),
    toString: () => "record",
  };
  tracerOf(buffer, { sampler }).startSpan("a").end();
  assert.equal(buffer.stats().recorded, 1);
});

test("values that look alike keep their types", async () => {
  const buffer = new SpanBuffer();
  const tracer = tracerOf(buffer);
  const values = [1, true, "1", 0, -0, false, "", 1.5, Number.NaN, "ä".repeat(70), "x".repeat(300)];
  const bodies = [];
  for (let round = 0; round < 2; round += 1) {
    const position = buffer.stats().recorded;
    for (const value of values) tracer.startSpan("a", { attributes: { value } }).end();
    const query = `cursor=1.${buffer.epoch}.${position.toString(16)}`;
    bodies.push(attributesOf((await buffer.answer("GET", query)).body));
  }
  // The second time they come from what is known.
  assert.deepEqual(bodies[0], bodies[1]);
  assert.equal(new Set(bodies[0]).size, values.length);
});

test("what cannot be encoded is counted and does not throw", () => {
  const buffer = new SpanBuffer();
  const nasty = Object.create({
    toString() {
      throw new Error("no");
    },
  });
  const span = tracerOf(buffer).startSpan("a");
  span.attributes.nasty = nasty;
  span.end();
  assert.deepEqual([buffer.stats().recorded, buffer.stats().dropped], [0, 1]);
});

test("the ring keeps its size and the newest spans", async () => {
  const buffer = new SpanBuffer({ capacityBytes: 64 << 10 });
  const tracer = tracerOf(buffer);
  for (let index = 0; index < 3000; index += 1) {
    tracer.startSpan(`${index} ${"x".repeat((index * 7) % 300)}`).end();
    assert.ok(buffer.stats().bytes <= 64 << 10);
  }
  const names = spansOf((await buffer.answer("GET", "")).body).map(({ name }) =>
    Number.parseInt(name, 10),
  );
  assert.equal(names.length, 3000 - buffer.stats().overwritten);
  names.forEach((name, index) => {
    assert.equal(name, 3000 - names.length + index);
  });
});

/** A repeatable row of numbers below 2^32. */
function drawing(seed) {
  let state = seed + 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("kept for an exemplar or not, every span comes once or is counted", async () => {
  for (let seed = 0; seed < 40; seed += 1) {
    const draw = drawing(seed);
    const buffer = new SpanBuffer({ capacityBytes: 64 << 10 });
    const tracer = tracerOf(buffer);
    const traces = [];
    const readers = [0, 1, 2].map(() => ({ seen: [], lost: 0, cursor: `1.${buffer.epoch}.0` }));
    const read = async (reader, maxBytes) => {
      const query = `cursor=${reader.cursor}&max_bytes=${maxBytes}`;
      const { headers, body } = await buffer.answer("GET", query);
      reader.seen.push(...spansOf(body).map(({ name }) => Number.parseInt(name, 10)));
      reader.lost += Number(headers["sigyn-lost"]);
      reader.cursor = headers["sigyn-cursor"];
      return headers["sigyn-more"] === "1";
    };
    for (let steps = draw(80); steps > 0; steps -= 1) {
      const step = draw(6);
      if (step < 3) {
        const pad = "x".repeat([10, 200, 2000, 9000][draw(4)]);
        for (let count = draw(60); count > 0; count -= 1) {
          const span = tracer.startSpan(String(traces.length), { attributes: { pad } });
          traces.push(span.spanContext().traceId);
          span.end();
        }
      } else if (step < 5) {
        const shown = Array.from({ length: draw(8) }, () => traces.at(-1 - draw(200))).filter(
          Boolean,
        );
        buffer.keepExemplars(shown.map((id) => `a_total 1 # {trace_id="${id}"} 1`).join("\n"));
      } else {
        await read(readers[draw(3)], [1, 20_000, 4 << 20][draw(3)]);
      }
    }
    for (const reader of readers) {
      while (await read(reader, 4000));
      assert.equal(new Set(reader.seen).size, reader.seen.length, `seed ${seed}`);
      assert.equal(reader.seen.length + reader.lost, traces.length, `seed ${seed}`);
    }
  }
});

test("a resource that is found out later is served when it is known", async () => {
  const buffer = new SpanBuffer();
  const resource = { attributes: {}, asyncAttributesPending: true, merge: () => resource };
  tracerOf(buffer, { resource }).startSpan("a").end();
  resource.attributes["service.name"] = "late";
  resource.asyncAttributesPending = false;
  assert.ok((await buffer.answer("GET", "")).body.includes("late"));
});

test("four wait and the fifth is told to come later", async () => {
  const buffer = new SpanBuffer();
  const waiting = [1, 2, 3, 4].map(() => buffer.answer("GET", "wait=20s"));
  const refused = await buffer.answer("GET", "wait=20s");
  assert.deepEqual([refused.status, refused.headers["retry-after"]], [429, "1"]);
  buffer.startDraining();
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ status }) => status),
    [200, 200, 200, 200],
  );
});

test("the port of its own can speak TLS", async () => {
  const pem = (name) => readFileSync(new URL(`../../vectors/tls/${name}.pem`, import.meta.url));
  const [cert, key] = [pem("certificate"), pem("key")];
  const buffer = new SpanBuffer();
  tracerOf(buffer).startSpan("a").end();
  const server = await buffer.serve(0, "127.0.0.1", { tls: { cert, key } });
  const url = `https://127.0.0.1:${server.address().port}/debug/spans`;
  const [response] = await once(getTls(url, { ca: cert, agent: false }), "response");
  assert.equal(spansOf(Buffer.concat(await response.toArray())).length, 1);
  const [error] = await once(getTls(url, { agent: false }), "error");
  assert.equal(error.code, "DEPTH_ZERO_SELF_SIGNED_CERT");
  server.close();
});

test("the port of its own asks for the token and knows one path", async () => {
  const buffer = new SpanBuffer();
  tracerOf(buffer).startSpan("a").end();
  const server = await buffer.serve(0, "127.0.0.1", { token: "secret" });
  const url = `http://127.0.0.1:${server.address().port}`;
  const headers = { authorization: "Bearer secret" };
  assert.equal((await fetch(`${url}/debug/spans`)).status, 401);
  assert.equal((await fetch(`${url}/metrics`, { headers })).status, 404);
  assert.equal((await fetch(`${url}/debug/spans`, { headers, method: "POST" })).status, 405);
  const head = await fetch(`${url}/debug/spans`, { headers, method: "HEAD" });
  assert.equal(head.headers.get("sigyn-lost"), "0");
  const response = await fetch(`${url}/debug/spans`, { headers });
  assert.equal(spansOf(Buffer.from(await response.arrayBuffer())).length, 1);
  server.close();
  server.closeAllConnections();
});

test("http, express and fastify answer alike", async () => {
  const buffer = new SpanBuffer();
  tracerOf(buffer).startSpan("a").end();
  const plain = createServer(buffer.handler());
  const app = express();
  app.get("/debug/spans", buffer.handler());
  const fast = fastify();
  fast.get("/debug/spans", buffer.handler());
  const wrapped = createServer(app);
  const ports = [await listen(plain), await listen(wrapped)];
  await fast.listen({ port: 0, host: "127.0.0.1" });
  ports.push(fast.server.address().port);
  for (const port of ports) {
    const body = await new Promise((resolve) => {
      request({ port, path: "/debug/spans?max_bytes=5000", agent: false }, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => resolve(Buffer.concat(chunks)));
      }).end();
    });
    assert.equal(spansOf(body).length, 1);
  }
  plain.close();
  wrapped.close();
  await fast.close();
});

test("workers of a cluster are targets of their own", async () => {
  const child = spawn("node", [fileURLToPath(new URL("cluster.mjs", import.meta.url))]);
  let out = "";
  child.stdout.on("data", (bytes) => {
    out += bytes;
  });
  await once(child, "close");
  const workers = out.trim().split("\n").map(JSON.parse);
  assert.equal(workers.length, 2);
  assert.equal(new Set(workers.map(({ port }) => port)).size, 2);
  assert.equal(new Set(workers.map(({ epoch }) => epoch)).size, 2);
  assert.deepEqual(
    workers.map(({ spans }) => spans),
    [3, 3],
  );
});

test("what nobody read is pushed", async () => {
  const bodies = [];
  const collector = createServer(async (asked, response) => {
    const chunks = [];
    for await (const chunk of asked) chunks.push(chunk);
    bodies.push(Buffer.concat(chunks));
    response.end();
  });
  const url = `http://127.0.0.1:${await listen(collector)}/v1/traces`;
  const buffer = new SpanBuffer();
  const tracer = tracerOf(buffer);
  tracer.startSpan("read").end();
  const { headers } = await buffer.answer("GET", "");
  await buffer.answer("GET", `drain=1&cursor=${headers["sigyn-cursor"]}`);
  tracer.startSpan("unread").end();
  assert.equal(await buffer.drain({ timeoutMillis: 10, pushTo: url }), "pushed");
  assert.deepEqual(
    bodies.flatMap(spansOf).map(({ name }) => name),
    ["unread"],
  );
  collector.close();
  collector.closeAllConnections();
  assert.equal(await buffer.drain({ timeoutMillis: 10, pushTo: url }), "unread");
});

test("the active span is the exemplar", async () => {
  const storage = new AsyncLocalStorage();
  context.setGlobalContextManager({
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, fn, thisArg, ...args) => storage.run(active, () => fn.apply(thisArg, args)),
    bind: (_, target) => target,
    enable: () => {},
    disable: () => {},
  });
  assert.deepEqual(exemplar(), {});
  const registry = new Registry(Registry.OPENMETRICS_CONTENT_TYPE);
  const latency = new Histogram({
    name: "latency_seconds",
    help: "h",
    registers: [registry],
    enableExemplars: true,
  });
  const span = tracerOf(new SpanBuffer()).startSpan("a");
  context.with(trace.setSpan(ROOT_CONTEXT, span), () => {
    latency.observe({ labels: {}, value: 0.1, exemplarLabels: exemplar() });
  });
  assert.ok((await registry.metrics()).includes(`trace_id="${span.spanContext().traceId}"`));
});
