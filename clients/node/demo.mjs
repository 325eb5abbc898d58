// One service of the polyglot demo, by OpenTracing: node demo.mjs --listen 127.0.0.1:7002 --next URL
//
// GET /checkout goes on along the chain with W3C trace context and baggage; /debug/spans is the span buffer and
// /metrics shows exemplars. SIGTERM drains.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { FORMAT_HTTP_HEADERS } from "opentracing";
import { Histogram, Registry } from "prom-client";
import { exemplar } from "./dist/index.js";
import { Tracer } from "./dist/opentracing/index.js";

const SERVICE = "polyglot-node";
const NEXT_MILLIS_MAX = 10_000;

const { values } = parseArgs({
  options: {
    listen: { type: "string", default: "127.0.0.1:7002" },
    next: { type: "string", default: "" },
  },
});
const base = values.next.replace(/\/$/, "");
const next = base && !base.endsWith("/checkout") ? `${base}/checkout` : base;

const tracer = new Tracer({ serviceName: SERVICE });
const spans = tracer.buffer.handler();
const registry = new Registry();
registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
const latency = new Histogram({
  name: "checkout_duration_seconds",
  help: "Time to answer.",
  enableExemplars: true,
  registers: [registry],
});

/** What the rest of the chain answers. */
async function call() {
  const tags = { "span.kind": "client", "http.request.method": "GET", "url.full": next };
  const span = tracer.startSpan("GET", { tags });
  try {
    const headers = {};
    tracer.inject(span, FORMAT_HTTP_HEADERS, headers);
    const response = await fetch(next, { headers, signal: AbortSignal.timeout(NEXT_MILLIS_MAX) });
    span.setTag("http.response.status_code", response.status);
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return await response.json();
  } catch (error) {
    span.setTag("error", true).log({ event: "error", "error.object": error });
    throw error;
  } finally {
    span.finish();
  }
}

/** Status and answer of one request. */
async function checkout(headers, query) {
  const began = performance.now();
  const span = tracer.startSpan("GET /checkout", {
    childOf: tracer.extract(FORMAT_HTTP_HEADERS, headers) ?? undefined,
    tags: {
      "span.kind": "server",
      "http.request.method": "GET",
      "http.route": "/checkout",
      "url.query": query,
    },
  });
  return tracer.withSpan(span, async () => {
    let status = 200;
    let answer = { services: [SERVICE], baggage: span.context().baggage };
    try {
      if (next) answer.services.push(...(await call()).services);
    } catch (error) {
      status = 502;
      answer = { error: `${next} did not answer: ${error.message}` };
      span.setTag("error", true);
    }
    span.setTag("http.response.status_code", status);
    const value = (performance.now() - began) / 1000;
    latency.observe({ value, labels: {}, exemplarLabels: exemplar() });
    span.finish();
    return [status, answer];
  });
}

async function respond(request, response) {
  const [path, query = ""] = request.url.split("?");
  if (path === "/debug/spans") return spans(request, response);
  if (path === "/checkout") {
    const [status, answer] = await checkout(request.headers, query);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  } else if (path === "/metrics") {
    const page = await registry.metrics();
    tracer.buffer.keepExemplars(page);
    response.writeHead(200, { "content-type": registry.contentType }).end(page);
  } else {
    response.writeHead(404).end("try /checkout, /metrics or /debug/spans\n");
  }
}

const server = createServer((request, response) => void respond(request, response));
const separator = values.listen.lastIndexOf(":");
const [host, port] = [values.listen.slice(0, separator), values.listen.slice(separator + 1)];
server.listen(Number(port), host, () => console.log("ready"));
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, async () => {
    await tracer.buffer.drain();
    process.exit(0);
  });
}
