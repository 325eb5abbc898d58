// What the tests with a real Sigyn share: processes that end with the test, ports, a server that scrapes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export const STEP_MS = 30_000;

const running = new Set();

export function temporaryFolder(name) {
  return mkdtempSync(join(tmpdir(), `sigyn-${name}-`));
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Asks until there is an answer; what a process said last goes into the error. */
export async function until(what, look, subject) {
  const deadline = performance.now() + STEP_MS;
  let last;
  while (performance.now() < deadline && (subject?.child.exitCode ?? null) === null) {
    const found = await look().catch((error) => {
      last = error;
    });
    if (found !== undefined && found !== false) return found;
    await pause(50);
  }
  throw new Error(`timed out: ${what}${last ? `: ${last.message}` : ""}${subject ? `: ${subject.err}` : ""}`);
}

export function start(program, programArguments, options = {}) {
  const child = spawn(program, programArguments, { stdio: ["ignore", "pipe", "pipe"], ...options });
  running.add(child);
  const process_ = { child, out: "", err: "", code: once(child, "close").then(([code, signal]) => code ?? signal) };
  child.stdout.on("data", (bytes) => (process_.out += bytes));
  child.stderr.on("data", (bytes) => (process_.err += bytes));
  child.on("error", (error) => (process_.err += error.message));
  child.on("close", () => running.delete(child));
  return process_;
}

export async function stopAll() {
  const ends = [...running].map((child) => once(child, "close"));
  for (const child of running) child.kill("SIGKILL");
  await Promise.all(ends);
}

/** A server that scrapes these ports of the loopback, with what more the job says. */
export async function serveSigyn(folder, ports, job, more = "") {
  const web = await freePort();
  const otlp = await freePort();
  const targets = ports.map((port) => `"127.0.0.1:${port}"`).join(", ");
  const config = join(folder, "sigyn.yml");
  writeFileSync(
    config,
    `global: {scrape_interval: 300ms, scrape_timeout: 300ms}
receivers: {otlp: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:${otlp}"}}}
scrape_configs:
  - job_name: ${job}
    traces_path: /debug/spans
    ${more}
    static_configs: [{targets: [${targets}]}]
`,
  );
  const sigyn = start(process.env.SIGYN_BINARY, [
    "serve",
    `--config.file=${config}`,
    `--storage.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${web}`,
  ]);
  sigyn.otlp = `http://127.0.0.1:${otlp}/v1/traces`;
  sigyn.get = async (path) => {
    if (sigyn.child.exitCode !== null) throw new Error(sigyn.err);
    const response = await fetch(`http://127.0.0.1:${web}${path}`, { headers: { accept: "application/json" } });
    return response.ok && response.text();
  };
  await until("sigyn is ready", () => sigyn.get("/-/ready"), sigyn);
  return sigyn;
}
