// A small web service for clients/bench_web.mjs: bench-web.mjs none|buffer|otlp PORT OTLP_URL
import { createServer } from "node:http";
import { ProxyTracerProvider, SpanKind } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { SpanBuffer } from "./dist/index.js";

const [mode, port, url] = process.argv.slice(2);
const buffer = new SpanBuffer();
const processors = {
  none: () => undefined,
  buffer: () => buffer.processor(),
  otlp: () => new BatchSpanProcessor(new OTLPTraceExporter({ url })),
};
const processor = processors[mode]();
const provider = processor
  ? new BasicTracerProvider({ spanProcessors: [processor] })
  : new ProxyTracerProvider();
const tracer = provider.getTracer("web");
const spans = buffer.handler();

const server = createServer((request, response) => {
  if (request.url.startsWith("/debug/spans")) return spans(request, response);
  const attributes = {
    "http.request.method": "GET",
    "http.route": "/cart/{id}",
    "url.path": request.url,
  };
  const span = tracer.startSpan("GET /cart/{id}", { kind: SpanKind.SERVER, attributes });
  for (let n = 0; n < 4; n += 1) {
    const query = {
      "db.system.name": "postgresql",
      "db.query.text": "SELECT * FROM cart WHERE id = $1",
      n,
    };
    tracer.startSpan("SELECT cart", { kind: SpanKind.CLIENT, attributes: query }).end();
  }
  span.setAttribute("http.response.status_code", 200);
  span.end();
  response.writeHead(200, { "content-length": "2" }).end("ok");
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
