// What a finished span costs its app: this buffer, and OpenTelemetry's batch processor with its OTLP/HTTP
// exporter on the same spans. CPU time of the whole process, the sink in another one; the batch processor's
// queue is large enough to lose nothing. Prints one JSON object a line.
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { SpanKind } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { SpanBuffer } from "./dist/index.js";
import { Tracer } from "./dist/opentracing/index.js";

const SPANS = Number(process.argv[2] ?? 20_000);
const ROUNDS = 7;

function attributes(number) {
  return {
    "http.request.method": "GET",
    "http.route": "/api/products/{id}",
    "url.path": `/api/products/${number}`,
    "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0",
    "http.response.status_code": 200,
    "server.port": 8080,
    "server.address": "catalogue.shop.svc.cluster.local",
    "app.user.id": `user-${String(number).padStart(7, "0")}`,
    "app.cache.hit": true,
  };
}

async function cost(spans, processor, finish) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    globalThis.gc?.();
    const before = process.cpuUsage();
    const began = performance.now();
    for (const span of spans) processor.onEnd(span);
    const ending = ((performance.now() - began) * 1e6) / spans.length;
    await finish();
    const { user, system } = process.cpuUsage(before);
    rounds.push([((user + system) * 1000) / spans.length, ending]);
  }
  const [all, ending] = rounds.sort(([one], [other]) => one - other)[0];
  return [Math.round(ending), Math.round(all)];
}

if (process.argv[2] === "sink") {
  const sink = createServer((request, response) =>
    request.resume().on("end", () => response.end()),
  );
  sink.listen(0, "127.0.0.1", () => process.send(sink.address().port));
  process.once("disconnect", () => process.exit(0));
} else {
  const spans = [];
  const collect = {
    onStart() {},
    onEnd: (span) => spans.push(span),
    forceFlush() {},
    shutdown() {},
  };
  const tracer = new BasicTracerProvider({ spanProcessors: [collect] }).getTracer(
    "shop-http",
    "1.4.0",
  );
  for (let number = 0; number < SPANS; number += 1) {
    const options = { kind: SpanKind.SERVER, attributes: attributes(number) };
    tracer.startSpan("GET /api/products/{id}", options).end();
  }
  const buffer = new SpanBuffer();
  const ours = await cost(spans, buffer.processor(), () => {});

  const sink = fork(new URL(import.meta.url), ["sink"]);
  const [port] = await once(sink, "message");
  const exporter = new OTLPTraceExporter({
    url: `http://127.0.0.1:${port}/v1/traces`,
    concurrencyLimit: 1000,
  });
  const batch = new BatchSpanProcessor(exporter, { maxQueueSize: 2 * SPANS });
  const theirs = await cost(spans, batch, () => batch.forceFlush());
  await batch.shutdown();
  sink.disconnect();

  const stats = buffer.stats();
  const opentracing = new Tracer({ serviceName: "bench" });
  const began = process.cpuUsage();
  for (let number = 0; number < SPANS; number += 1) {
    opentracing.startSpan("GET", { tags: attributes(number) }).finish();
  }
  const { user, system } = process.cpuUsage(began);
  const figures = {
    bench: "client_record",
    client: "node",
    held_bytes_per_span: Math.round(stats.bytes / (stats.recorded - stats.overwritten)),
    ns_per_span: ours[0],
    otel_batch_ns_per_span: theirs[0],
    cpu_ns_per_span: ours[1],
    otel_batch_cpu_ns_per_span: theirs[1],
    ratio: Math.round((theirs[1] / ours[1]) * 10) / 10,
    opentracing_start_to_finish_ns: Math.round(((user + system) * 1000) / SPANS),
  };
  console.log(JSON.stringify(figures));
}
