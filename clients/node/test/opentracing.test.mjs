import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get } from "node:http";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import express from "express";
import expressOpentracing from "express-opentracing";
import { exemplar } from "../dist/index.js";
import { Tracer } from "../dist/opentracing/index.js";
import { spansOf } from "./vectors.mjs";

async function finished(tracer) {
  const { body } = await tracer.buffer.answer("GET", "");
  return Object.fromEntries(spansOf(body).map((span) => [span.name, span]));
}

test("children across asynchronous calls", async () => {
  const tracer = new Tracer({ serviceName: "a" });
  const child = async (name) => {
    await pause(1);
    const span = tracer.startSpan(name);
    await tracer.withSpan(span, () => pause(1));
    assert.notEqual(tracer.activeSpan(), span);
    span.finish();
  };
  const root = tracer.startSpan("root");
  await tracer.withSpan(root, () => Promise.all([child("a"), child("b")]));
  root.finish();
  const spans = await finished(tracer);
  assert.equal(spans.a.parentId, spans.root.spanId);
  assert.equal(spans.b.parentId, spans.root.spanId);
  assert.equal(spans.root.parentId, "");
});

test("an error object becomes an exception", async () => {
  const tracer = new Tracer({ serviceName: "a" });
  const span = tracer.startSpan("a");
  span.log({ event: "error", "error.object": new TypeError("no such cart") });
  span.finish();
  const { body } = await tracer.buffer.answer("GET", "");
  for (const text of ["exception.type", "TypeError", "no such cart", "exception.stacktrace"]) {
    assert.ok(body.includes(text), text);
  }
});

test("baggage goes to children, and a span ends once", async () => {
  const tracer = new Tracer({ serviceName: "a" });
  const root = tracer.startSpan("root");
  root.setBaggageItem("user", "7");
  assert.equal(tracer.startSpan("child", { childOf: root }).getBaggageItem("user"), "7");
  root.finish();
  root.finish();
  assert.equal(tracer.buffer.stats().recorded, 1);
});

test("the active span is the exemplar", () => {
  const tracer = new Tracer({ serviceName: "a" });
  const span = tracer.startSpan("a");
  const found = tracer.withSpan(span, exemplar);
  assert.deepEqual(found, {
    trace_id: span.context().toTraceId(),
    span_id: span.context().toSpanId(),
  });
});

test("express-opentracing works unmodified", async () => {
  const tracer = new Tracer({ serviceName: "shop" });
  const app = express();
  app.use(expressOpentracing.default({ tracer }));
  app.get("/cart/:number", (request, response) => {
    tracer.startSpan("query", { childOf: request.span }).finish();
    response.send(request.span.getBaggageItem("user"));
  });
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const headers = { traceparent, baggage: "user=7" };
  const { port } = server.address();
  const [response] = await once(get({ port, path: "/cart/1", headers, agent: false }), "response");
  assert.equal(response.statusCode, 200);
  assert.equal(Buffer.concat(await response.toArray()).toString(), "7");
  server.close();
  const spans = await finished(tracer);

  assert.equal(spans["/cart/:number"].traceId, traceparent.slice(3, 35));
  assert.equal(spans["/cart/:number"].parentId, traceparent.slice(36, 52));
  assert.equal(spans.query.parentId, spans["/cart/:number"].spanId);
});
