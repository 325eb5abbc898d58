// Starts the real demo (`sigyn demo`) on a free port, runs the end-to-end tests against it, and ends it.
//
//   node test/e2e/with-demo.mjs PATH_OF_SIGYN
//
// With SIGYN_PAGES=dist the pages come from ui/dist instead of from the binary, so that a change of the pages can be
// tried without building Rust.
import { spawn } from "node:child_process";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { preview } from "vite";
import { startCraftedServer } from "./crafted-server.mjs";

const START_MS_MAX = 30_000;
const WARM_UP_MS_MAX = 30_000;
const binary = resolve(process.argv[2] ?? "target/debug/sigyn");
const demo = spawn(
  binary,
  ["demo", "--web.listen-address=127.0.0.1:0", "--rate=20", "--duration=10m"],
  {
    stdio: ["ignore", "pipe", "inherit"],
  },
);

/** The URL that the demo prints. */
function urlOf(process_) {
  return new Promise((found, failed) => {
    const timer = setTimeout(() => failed(new Error("the demo printed no URL")), START_MS_MAX);
    process_.on("exit", (code) => failed(new Error(`the demo ended with ${code}`)));
    createInterface({ input: process_.stdout }).on("line", (line) => {
      const url = line.match(/http:\/\/\S+/)?.[0];
      if (url !== undefined) {
        clearTimeout(timer);
        found(url);
      }
    });
  });
}

/** Until the shop's first traces can be searched. */
async function warmUp(url) {
  const end = Date.now() + WARM_UP_MS_MAX;
  while (Date.now() < end) {
    const answer = await fetch(`${url}/api/search?q=%7B%7D&limit=20`);
    const { traces = [] } = await answer.json();
    if (traces.length >= 20) {
      return;
    }
    await new Promise((wake) => setTimeout(wake, 200));
  }
  throw new Error("the demo shows fewer than 20 traces after 30 s");
}

/** An address that serves ui/dist, and asks `url` for all else. */
async function withOwnPages(url) {
  if (process.env.SIGYN_PAGES !== "dist") return url;
  const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
  const proxy = { "/api": url, "/metrics": url };
  const server = await preview({
    root,
    logLevel: "error",
    preview: { host: "127.0.0.1", port: 0, proxy },
  });
  pageServers.push(server);
  const { port } = server.httpServer.address();
  return `http://127.0.0.1:${port}`;
}

const pageServers = [];
let code = 1;
let crafted = null;
try {
  crafted = await startCraftedServer(binary);
  const url = await urlOf(demo);
  await warmUp(url);
  const tests = spawn(
    process.execPath,
    [resolve(dirname(fileURLToPath(import.meta.url)), "run.mjs")],
    {
      stdio: "inherit",
      env: {
        ...process.env,
        SIGYN_URL: await withOwnPages(url),
        SIGYN_CRAFTED_URL: await withOwnPages(crafted.url),
      },
    },
  );
  code = await new Promise((ended) => tests.on("exit", (status) => ended(status ?? 1)));
} catch (error) {
  console.error(String(error));
} finally {
  demo.removeAllListeners("exit");
  demo.kill("SIGINT");
  await crafted?.close();
  for (const server of pageServers) await server.close();
}
process.exitCode = code;
