// Rolling restarts under load, with a real Sigyn: what the apps recorded is what Sigyn has, each span once.
//
//   SIGYN_BINARY=target/debug/sigyn node clients/rolling/run.mjs [--restarts N] NAME COMMAND…
//
// The command gets a port as its last argument, serves its span buffer there, makes spans until SIGTERM,
// drains, prints {"recorded": N, "drain": "…"} and ends with 0.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const APPS = 3;
const STEP_MS = 30_000;

const args = process.argv.slice(2);
const soak = process.env.SIGYN_SOAK === "1";
const restarts = args[0] === "--restarts" ? Number(args.splice(0, 2)[1]) : soak ? 50 : 6;
const [name, ...command] = args;
const binary = process.env.SIGYN_BINARY;
if (!binary || command.length === 0) {
  process.stderr.write("usage: SIGYN_BINARY=… node run.mjs [--restarts N] NAME COMMAND…\n");
  process.exit(2);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function until(what, look) {
  const deadline = performance.now() + STEP_MS;
  while (performance.now() < deadline) {
    const found = await look().catch(() => undefined);
    if (found !== undefined && found !== false) return found;
    await pause(50);
  }
  throw new Error(`timed out: ${what}`);
}

const running = new Set();

function start(program, programArguments) {
  const child = spawn(program, programArguments, { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const process_ = { child, out: "", err: "", code: once(child, "close").then(([code]) => code) };
  child.stdout.on("data", (bytes) => (process_.out += bytes));
  child.stderr.on("data", (bytes) => (process_.err += bytes));
  child.on("close", () => running.delete(child));
  return process_;
}

/** @returns {Promise<number>} what the app recorded */
async function end(app) {
  app.child.kill("SIGTERM");
  const late = setTimeout(() => app.child.kill("SIGKILL"), STEP_MS);
  const code = await app.code;
  clearTimeout(late);
  if (code !== 0) throw new Error(`the app ended with ${code}: ${app.err}`);
  const report = JSON.parse(app.out.trim().split("\n").at(-1));
  // "delivered" is a reader that was slow to come back; whether it has the spans is counted below.
  if (report.drain === "unread") throw new Error(`nobody read the end: ${app.out}`);
  if (report.recorded === 0) throw new Error("the app recorded nothing: this shows nothing");
  return report.recorded;
}

async function startApp(port) {
  const app = start(command[0], [...command.slice(1), String(port)]);
  await until(`${name} serves`, async () => {
    if (app.child.exitCode !== null) throw new Error(app.err);
    const response = await fetch(`http://127.0.0.1:${port}/debug/spans`, { method: "HEAD" });
    return response.ok;
  }).catch((error) => {
    throw new Error(`${error.message}: ${app.err}`);
  });
  return app;
}

function total(metrics, metric, wanted = "") {
  return metrics
    .split("\n")
    .filter((line) => line.startsWith(`${metric}{`) && line.includes(wanted))
    .reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
}

const folder = mkdtempSync(join(tmpdir(), "sigyn-rolling-"));
try {
  const web = await freePort();
  const ports = [];
  for (let index = 0; index < APPS; index += 1) ports.push(await freePort());
  const targets = ports.map((port) => `"127.0.0.1:${port}"`).join(", ");
  const config = join(folder, "sigyn.yml");
  writeFileSync(
    config,
    `global: {scrape_interval: 300ms, scrape_timeout: 300ms}
receivers: {otlp: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
scrape_configs:
  - job_name: rolling
    traces_path: /debug/spans
    static_configs: [{targets: [${targets}]}]
`,
  );
  const sigyn = start(binary, [
    "serve",
    `--config.file=${config}`,
    `--storage.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${web}`,
  ]);
  const get = async (path) => {
    if (sigyn.child.exitCode !== null) throw new Error(sigyn.err);
    const response = await fetch(`http://127.0.0.1:${web}${path}`);
    return response.ok && response.text();
  };
  await until("sigyn is ready", () => get("/-/ready")).catch((error) => {
    throw new Error(`${error.message}: ${sigyn.err}`);
  });
  const apps = await Promise.all(ports.map(startApp));
  const reports = [];
  // One chain for each app: so all of them are restarted, at different moments.
  await Promise.all(
    apps.map(async (_, index) => {
      for (let count = index; count < restarts; count += APPS) {
        await pause(400 + 130 * index);
        reports.push(await end(apps[index]));
        apps[index] = await startApp(ports[index]);
      }
      await pause(400);
      reports.push(await end(apps[index]));
    }),
  );
  const recorded = reports.reduce((sum, count) => sum + count, 0);
  const metrics = await until("all spans are counted", async () => {
    const text = await get("/metrics");
    return total(text, "sigyn_ingested_spans_total", 'via="scrape"') >= recorded && text;
  }).catch(() => get("/metrics"));
  const ingested = total(metrics, "sigyn_ingested_spans_total", 'via="scrape"');
  const overwritten = total(metrics, "sigyn_lost_spans_total", 'reason="overwritten"');
  const report = { test: "rolling_restarts", client: name, restarts, recorded, ingested, overwritten };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  if (ingested !== recorded || overwritten !== 0) {
    throw new Error(`${recorded} spans were recorded, ${ingested} arrived`);
  }
  sigyn.child.kill("SIGTERM");
  await sigyn.code;
} catch (error) {
  process.stderr.write(`${name}: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  for (const child of running) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
