// A server of its own for crafted traces: push receivers on free ports, two targets of which one loses spans, a folder
// that goes away.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bodiesOf, craftedTraces, TRACE_IDS } from "./crafted-traces.mjs";
import { startLosingTargets } from "./losing-targets.mjs";

const READY_MILLIS_MAX = 30_000;

export async function startCraftedServer(binary) {
  const folder = await mkdtemp(join(tmpdir(), "sigyn-crafted-"));
  const [web, grpc, http] = [await freePort(), await freePort(), await freePort()];
  const config = join(folder, "sigyn.yml");
  const targets = await startLosingTargets();
  const endpoint = (port) => `127.0.0.1:${port}`;
  await writeFile(
    config,
    `receivers:\n  otlp: {grpc: {endpoint: "${endpoint(grpc)}"}, http: {endpoint: "${endpoint(http)}"}}\n${targets.scrapeConfig}`,
  );
  const server = spawn(
    binary,
    [
      "serve",
      `--config.file=${config}`,
      `--storage.path=${join(folder, "data")}`,
      `--web.listen-address=${endpoint(web)}`,
      "--log.level=warn",
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const url = `http://${endpoint(web)}`;
  const close = async () => {
    const ended = new Promise((done) => server.on("exit", done));
    server.kill("SIGINT");
    await ended;
    await targets.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await ready(url);
    await push(`http://${endpoint(http)}/v1/traces`);
    await targets.lose(url);
  } catch (error) {
    await close();
    throw error;
  }
  return { url, close };
}

async function push(url) {
  // Some seconds ago: the newest spans may not lie in the future.
  const start = BigInt(Date.now() - 20_000) * 1_000_000n;
  for (const [name, spans] of Object.entries(craftedTraces())) {
    for (const body of bodiesOf(TRACE_IDS[name], spans, start)) {
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
    }
  }
}

async function ready(url) {
  const end = Date.now() + READY_MILLIS_MAX;
  while (Date.now() < end) {
    const answer = await fetch(`${url}/-/ready`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  throw new Error("the server for crafted traces did not become ready");
}

/** A port that was free a moment ago. */
function freePort() {
  return new Promise((found, failed) => {
    const server = createServer();
    server.on("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => found(port));
    });
  });
}
