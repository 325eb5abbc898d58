// Two workers, each with its own buffer and port; prints a line for each and ends.
import cluster from "node:cluster";
import { SpanBuffer } from "../dist/index.js";
import { Tracer } from "../dist/opentracing/index.js";
import { spansOf } from "./vectors.mjs";

if (cluster.isPrimary) {
  const ready = [cluster.fork(), cluster.fork()].map(
    (worker) =>
      new Promise((resolve) => worker.once("message", (found) => resolve({ worker, ...found }))),
  );
  for (const { worker, port, epoch } of await Promise.all(ready)) {
    const response = await fetch(`http://127.0.0.1:${port}/debug/spans`);
    const spans = spansOf(Buffer.from(await response.arrayBuffer())).length;
    console.log(JSON.stringify({ port, epoch, spans }));
    worker.kill();
  }
} else {
  const buffer = new SpanBuffer({ capacityBytes: 1 << 20 });
  const tracer = new Tracer({ serviceName: "worker", buffer });
  for (let index = 0; index < 3; index += 1) tracer.startSpan("a").finish();
  const first = 30_000 + (process.ppid % 20_000);
  const server = await buffer.serve(first, "127.0.0.1");
  process.send({ port: server.address().port, epoch: buffer.epoch });
}
