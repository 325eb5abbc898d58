// Two apps with real span buffers, one of them far too small: what it overwrites before it is read is a real loss.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "vite";

const BUFFER_SOURCE = resolve(import.meta.dirname, "../../../clients/node/src/buffer.ts");
const WAIT_MILLIS_MAX = 20_000;
export const LOST_TRACE = "5d".padStart(32, "0");
/** More than 64 KiB hold. */
const CROWD = 3000;

/** Starts both and says what to scrape; `lose` makes one trace that the small buffer loses a part of. */
export async function startLosingTargets() {
  const folder = await mkdtemp(join(tmpdir(), "sigyn-buffer-"));
  await build({
    configFile: false,
    logLevel: "error",
    build: {
      ssr: BUFFER_SOURCE,
      outDir: folder,
      emptyOutDir: false,
      rollupOptions: { output: { entryFileNames: "buffer.mjs" } },
    },
  });
  const { SpanBuffer } = await import(pathToFileURL(join(folder, "buffer.mjs")));
  const apps = await Promise.all(
    [
      { service: "shop", pod: "shop-0", capacityBytes: 1 << 20 },
      { service: "payment", pod: "payment-2", capacityBytes: 64 << 10 },
    ].map(async ({ service, pod, capacityBytes }) => {
      const buffer = new SpanBuffer({ capacityBytes });
      buffer.setResource({ "service.name": service });
      const server = await buffer.serve(0, "127.0.0.1");
      return { service, pod, buffer, server, address: `127.0.0.1:${server.address().port}` };
    }),
  );
  const targets = apps.map(
    ({ pod, address }) => `      - {targets: ["${address}"], labels: {pod: ${pod}}}`,
  );
  return {
    scrapeConfig: [
      "scrape_configs:",
      "  - job_name: apps",
      "    scrape_interval: 1s",
      "    scrape_timeout: 1s",
      "    static_configs:",
      ...targets,
      "",
    ].join("\n"),
    lose: (url) => lose(url, apps),
    close: async () => {
      for (const { server } of apps) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function lose(url, [shop, payment]) {
  await until(async () => {
    const { data } = await (await fetch(`${url}/api/v1/targets`)).json();
    return data.activeTargets.filter(({ health }) => health === "up").length === 2;
  });
  const startMillis = Date.now();
  /** Seconds and nanoseconds. */
  const time = (millis) => {
    const at = startMillis + millis;
    return [Math.floor(at / 1000), (at % 1000) * 1e6];
  };
  const record = ({ buffer }, spanId, parentId, name, kind, from, to, more = {}) =>
    buffer.record(buffer.scope("crafted"), {
      traceId: LOST_TRACE,
      spanId,
      parentId,
      traceState: "",
      name,
      kind,
      start: time(from),
      end: time(to),
      code: 0,
      message: "",
      flags: 1,
      attributes: {},
      attributesDropped: 0,
      events: [],
      eventsDropped: 0,
      links: [],
      linksDropped: 0,
      ...more,
    });
  const id = (number) => number.toString(16).padStart(16, "0");
  const client = { attributes: { "server.address": "payment", "server.port": 8080 } };
  record(payment, id(3), id(2), "POST /charge", 2, 120, 380);
  record(payment, id(4), id(3), "INSERT charge", 3, 150, 300);
  for (let i = 0; i < CROWD; i++) {
    const other = { traceId: id(0xabc000 + i).padStart(32, "0") };
    record(payment, id(1000 + i), "", "GET /health", 2, 100, 101, other);
  }
  record(shop, id(2), id(1), "POST /charge", 3, 100, 400, client);
  record(shop, id(5), id(1), "render", 1, 410, 480);
  record(shop, id(1), "", "POST /checkout", 2, 0, 500);
  await until(async () => {
    const answer = await fetch(`${url}/api/sigyn/v1/traces/${LOST_TRACE}`);
    return answer.ok && (await answer.json()).gaps.length > 0;
  });
}

async function until(isSo) {
  const end = Date.now() + WAIT_MILLIS_MAX;
  while (Date.now() < end) {
    if (await isSo().catch(() => false)) return;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  throw new Error("the targets were not read in time");
}
