// A service under load for the rolling restarts (clients/rolling).
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { SpanBuffer } from "../dist/index.js";

const buffer = new SpanBuffer();
const tracer = new BasicTracerProvider({ spanProcessors: [buffer.processor()] }).getTracer(
  "rolling",
);
await buffer.serve(Number(process.argv[2]), "127.0.0.1");
const load = setInterval(() => {
  const span = tracer.startSpan("request");
  for (let index = 0; index < 4; index += 1) tracer.startSpan("query").end();
  span.end();
}, 2);
process.once("SIGTERM", async () => {
  clearInterval(load);
  const drain = await buffer.drain();
  console.log(JSON.stringify({ recorded: buffer.stats().recorded, drain }));
  process.exit(0);
});
