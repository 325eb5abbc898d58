// What tracing does to a small web service at saturation: five spans a request, requests without a pause on 16
// connections. Without tracing, with the span buffer, and with OpenTelemetry's batch processor and OTLP/HTTP exporter as
// they come; each with a collector that is up (a real Sigyn), down, and stalled (takes connections and says nothing).
// Prints one JSON object a line.
//
//   SIGYN_BINARY=target/release/sigyn node clients/bench_web.mjs NAME COMMAND…
//
// The command gets `none|buffer|otlp PORT OTLP_URL`, serves / and /debug/spans, and prints `ready`.
import { readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { freePort, serveSigyn, start, stopAll, temporaryFolder, until } from "./rig.mjs";

const CONNECTIONS = 16;
const WARM_MS = Number(process.env.BENCH_WARM_MS ?? 3000);
const MEASURED_MS = Number(process.env.BENCH_MS ?? 6000);
const TICKS_PER_SECOND = 100;
const REQUEST = Buffer.from("GET /cart/7 HTTP/1.1\r\nhost: localhost\r\n\r\n");

/** One connection that asks again as soon as it has its answer. */
function ask(port, latencies) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let sent = 0;
  let seen = "";
  const send = () => {
    sent = performance.now();
    socket.write(REQUEST);
  };
  socket.on("connect", send);
  socket.on("data", (bytes) => {
    seen += bytes.toString("latin1");
    // The body is these two letters, behind the empty line.
    if (!seen.endsWith("\r\n\r\nok")) return;
    seen = "";
    latencies.push(performance.now() - sent);
    send();
  });
  socket.on("error", () => {});
  return socket;
}

/** Seconds of CPU that a process has taken. */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Takes connections and never answers. */
async function stalledCollector() {
  const sockets = new Set();
  const server = createServer((socket) => sockets.add(socket.pause().on("error", () => {})));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/v1/traces`,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Four readers that ask for everything and do not read the answer. */
function stalledReaders(port) {
  const sockets = Array.from({ length: 4 }, () => {
    const socket = connect({ port, host: "127.0.0.1" }).pause();
    socket.on("error", () => {}).write("GET /debug/spans HTTP/1.1\r\nhost: localhost\r\n\r\n");
    return socket;
  });
  return { close: () => sockets.forEach((socket) => socket.destroy()) };
}

/** Of the spans that were made, those that Sigyn has once nothing more comes. */
async function storedShare(sigyn, made) {
  let [stored, before] = [0, -1];
  while (stored !== before) {
    before = stored;
    await pause(1000);
    const lines = (await sigyn.get("/metrics")).split("\n");
    const counts = lines.filter((line) => line.startsWith("sigyn_ingested_spans_total{"));
    stored = counts.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
  }
  return Number((stored / made).toFixed(3));
}

async function measure(name, command, mode, collector) {
  const folder = temporaryFolder("bench");
  const port = await freePort();
  let other;
  let url = `http://127.0.0.1:${await freePort()}/v1/traces`;
  if (collector === "up") {
    other = await serveSigyn(folder, mode === "buffer" ? [port] : [], "bench");
    url = other.otlp;
  }
  if (collector === "stalled" && mode === "otlp") {
    other = await stalledCollector();
    url = other.url;
  }
  const app = start(command[0], [...command.slice(1), mode, String(port), url]);
  await until(`${name} is ready`, async () => app.out.includes("ready"), app);
  const warm = [];
  const latencies = [];
  let target = warm;
  const sockets = Array.from({ length: CONNECTIONS }, () => ask(port, { push: (value) => target.push(value) }));
  await pause(WARM_MS);
  if (collector === "stalled" && mode === "buffer") other = stalledReaders(port);
  target = latencies;
  const [cpu, began] = [cpuSeconds(app.child.pid), performance.now()];
  await pause(MEASURED_MS);
  const passed = (performance.now() - began) / 1000;
  const used = cpuSeconds(app.child.pid) - cpu;
  for (const socket of sockets) socket.destroy();
  const stored = collector === "up" ? await storedShare(other, 5 * (warm.length + latencies.length)) : undefined;
  if (other?.close) other.close();
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
  latencies.sort((one, next) => one - next);
  const at = (share) => Number((latencies[Math.floor(latencies.length * share)] ?? Number.NaN).toFixed(3));
  const figures = {
    bench: "client_web",
    client: name,
    mode,
    collector,
    requests_per_second: Math.round(latencies.length / passed),
    cpu_us_per_request: Number(((used * 1e6) / latencies.length).toFixed(1)),
    p50_ms: at(0.5),
    p99_ms: at(0.99),
    spans_stored_share: stored,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

const [name, ...command] = process.argv.slice(2);
if (command.length === 0) {
  process.stderr.write("usage: [SIGYN_BINARY=…] node bench_web.mjs NAME COMMAND…\n");
  process.exit(2);
}
try {
  await measure(name, command, "none", "none");
  for (const collector of process.env.SIGYN_BINARY ? ["up", "down", "stalled"] : ["down", "stalled"])
    for (const mode of ["buffer", "otlp"]) await measure(name, command, mode, collector);
} finally {
  await stopAll();
}
