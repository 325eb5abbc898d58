// A stand-in for Sigyn: the built pages and answers made from seeds. For development, and for the
// browser test while no SIGYN_URL is given. `node test/fixture-server.mjs [PORT]` runs it alone.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { targetsAnswer } from "./fixtures/targets.mjs";
import {
  largeTrace,
  OPERATIONS,
  oddTrace,
  shopTrace,
  toResourceSpans,
} from "./fixtures/traces.mjs";

const DIST = join(fileURLToPath(new URL(".", import.meta.url)), "../dist");
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css" };
const SHOP_TRACES = 140;
const LARGE_SPANS = 10_000;

/** Starts on loopback; port 0 takes a free one. */
export async function startFixtureServer(port = 0) {
  const world = makeWorld(Date.now());
  const server = createServer((request, response) => {
    answer(world, request, response).catch((error) =>
      sendJson(response, 500, { error: String(error) }),
    );
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  };
}

function makeWorld(nowMillis) {
  const now = BigInt(nowMillis) * 1_000_000n;
  const traces = [];
  for (let i = 0; i < SHOP_TRACES; i++) {
    const ago = BigInt(Math.round((1500 / SHOP_TRACES) * i * 1000 + 4000)) * 1_000_000n;
    traces.push(shopTrace(i + 1, now - ago));
  }
  traces.push(largeTrace(LARGE_SPANS, now - 300_000_000_000n), oddTrace(now - 600_000_000_000n));
  const exemplars = new Map();
  for (const trace of traces.slice(0, 40)) {
    const span = trace.spans[0];
    const seconds = Number(span.end - span.start) / 1e9;
    exemplars.set(trace.traceId, [
      {
        seriesLabels: {
          __name__: "http_request_duration_seconds_bucket",
          job: "shop",
          instance: "10.1.2.3:8080",
          le: String([0.05, 0.1, 0.25, 0.5, 1, 2.5].find((edge) => edge > seconds) ?? "+Inf"),
          route: span.name.split(" ")[1],
        },
        labels: { trace_id: trace.traceId, span_id: span.spanId },
        value: Number(seconds.toFixed(4)),
        timestamp: Number(span.end / 1_000_000n) / 1000,
        spanId: span.spanId,
      },
    ]);
  }
  return { traces, byId: new Map(traces.map((trace) => [trace.traceId, trace])), exemplars };
}

async function answer(world, request, response) {
  const url = new URL(request.url, "http://fixture");
  const path = decodeURIComponent(url.pathname);
  const parameter = (name) => url.searchParams.get(name) ?? "";
  if (path === "/api/search") return search(world, url.searchParams, response);
  if (path.startsWith("/api/sigyn/v1/traces/")) return sendTrace(world, path, response);
  if (path === "/api/sigyn/v1/services") {
    const names = [
      ...new Set(world.traces.flatMap((trace) => trace.spans.map((span) => span.service))),
    ];
    return sendJson(response, 200, { services: names.filter(Boolean).map((name) => ({ name })) });
  }
  if (path === "/api/sigyn/v1/operations") {
    const operations = OPERATIONS.filter((one) => one.service === parameter("service"));
    return sendJson(response, 200, { operations });
  }
  if (path === "/api/v1/targets") {
    return sendJson(response, 200, { status: "success", data: targetsAnswer(Date.now()) });
  }
  if (path === "/api/v1/targets/relabel_steps") {
    const keep = {
      source_labels: ["__meta_kubernetes_pod_phase"],
      regex: "Running",
      action: "keep",
    };
    const drop = {
      source_labels: ["__meta_kubernetes_namespace"],
      regex: "kube-system",
      action: "drop",
    };
    const steps = [
      { rule: keep, output: {}, keep: true },
      { rule: drop, output: {}, keep: false },
    ];
    return sendJson(response, 200, { status: "success", data: { steps } });
  }
  if (path === "/api/v1/query_exemplars") {
    const data = [...world.exemplars.values()]
      .flat()
      .map(({ seriesLabels, labels, value, timestamp }) => ({
        seriesLabels,
        exemplars: [{ labels, value: String(value), timestamp }],
      }));
    return sendJson(response, 200, { status: "success", data });
  }
  if (path === "/api/v2/search/tags") {
    const scopes = [
      { name: "span", tags: ["http.request.method", "http.route", "user.tier", "db.system"] },
      { name: "resource", tags: ["service.name", "job", "instance"] },
    ];
    return sendJson(response, 200, { scopes });
  }
  if (path.startsWith("/api/v2/search/tag/")) {
    const tagValues = ["free", "plus", "pro"].map((value) => ({ type: "string", value }));
    return sendJson(response, 200, { tagValues });
  }
  if (path.startsWith("/api/")) return sendJson(response, 404, { error: `No such API: ${path}.` });
  return sendFile(path, response);
}

function sendTrace(world, path, response) {
  const traceId = path.split("/").at(-1).toLowerCase().padStart(32, "0");
  const trace = world.byId.get(traceId);
  if (!trace) {
    return sendJson(response, 404, { error: `No span of trace ${traceId} is stored.` });
  }
  const exemplars = world.exemplars.get(traceId) ?? [];
  const { start } = trace.spans[0];
  return sendJson(response, 200, {
    traceId,
    resourceSpans: toResourceSpans(trace),
    exemplars,
    pins: exemplars.map(() => ({
      reason: "exemplar",
      untilUnixNano: String(start + 2592000000000000n),
    })),
    gaps:
      traceId === world.traces[2].traceId || traceId === world.traces.at(-1).traceId
        ? [
            {
              labels: { job: "pods", instance: "10.1.2.5:8082" },
              lost: 1204,
              fromUnixNano: String(start - 2_000_000_000n),
              toUnixNano: String(start + 3_000_000_000n),
            },
          ]
        : [],
  });
}

/** Understands the simplest form: conditions joined by &&, on service, name, duration, status, tags. */
function search(world, parameters, response) {
  const query = (parameters.get("q") ?? "{}").trim();
  const inner = /^\{(.*)\}$/s.exec(query);
  if (!inner) {
    return sendText(
      response,
      400,
      `invalid TraceQL query: parse error at line 1, col 1: expected "{"`,
    );
  }
  const conditions = inner[1]
    .split("&&")
    .map((text) => text.trim())
    .filter(Boolean);
  const tests = [];
  for (const condition of conditions) {
    const match = /^(\S+)\s*(=|>=|<=|>|<)\s*(.+)$/s.exec(condition);
    if (!match) return sendText(response, 400, `invalid TraceQL query: cannot read "${condition}"`);
    tests.push(testOf(match[1], match[2], match[3]));
  }
  const start = Number(parameters.get("start") ?? 0) * 1e9;
  const end = Number(parameters.get("end") ?? 1e11) * 1e9;
  const found = [];
  for (const trace of world.traces) {
    const first = trace.spans[0];
    if (Number(first.start) < start || Number(first.start) > end) continue;
    const matched = trace.spans.filter((span) => tests.every((test) => test(span))).length;
    if (matched > 0) found.push(summaryOf(trace, matched));
  }
  found.sort((a, b) => (BigInt(a.startTimeUnixNano) > BigInt(b.startTimeUnixNano) ? -1 : 1));
  const traces = found.slice(0, Number(parameters.get("limit") ?? 20));
  return sendJson(response, 200, { traces, metrics: { inspectedTraces: world.traces.length } });
}

function testOf(field, operator, text) {
  const value = text.startsWith('"') ? JSON.parse(text) : text;
  if (field === "resource.service.name") return (span) => span.service === value;
  if (field === "name") return (span) => span.name === value;
  if (field === "status") {
    return (span) => (span.status.code ? "error" : "unset") === value;
  }
  if (field === "duration") {
    const [, amount, unit] = /^([\d.]+)(us|ms|s)$/.exec(value) ?? [0, "0", "ms"];
    const limit = Number(amount) * { us: 1e3, ms: 1e6, s: 1e9 }[unit];
    return (span) => {
      const length = Number(span.end - span.start);
      return operator.startsWith(">") ? length >= limit : length <= limit;
    };
  }
  const key = field.replace(/^(span|resource)?\./, "");
  return (span) =>
    span.attributes.some((one) => one.key === key && String(Object.values(one.value)[0]) === value);
}

function summaryOf(trace, matched) {
  const root = trace.spans[0];
  const serviceStats = {};
  let end = root.end;
  for (const span of trace.spans) {
    if (span.end > end && span.end < root.start + 86_400_000_000_000n) end = span.end;
    serviceStats[span.service || "unknown service"] ??= { spanCount: 0 };
    const stats = serviceStats[span.service || "unknown service"];
    stats.spanCount += 1;
    if (span.status.code) stats.errorCount = (stats.errorCount ?? 0) + 1;
  }
  return {
    traceID: trace.traceId.replace(/^0+/, ""),
    rootServiceName: root.service,
    rootTraceName: root.name,
    startTimeUnixNano: String(root.start),
    durationMs: Number((end - root.start) / 1_000_000n),
    spanSets: [{ matched, spans: [] }],
    serviceStats,
  };
}

async function sendFile(path, response) {
  const inside = normalize(path).replace(/^([/\\.])+/, "");
  const isAsset = extname(inside) !== "";
  try {
    const body = await readFile(join(DIST, isAsset ? inside : "index.html"));
    const type = TYPES[isAsset ? extname(inside) : ".html"] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type }).end(body);
  } catch {
    sendText(response, 404, "Not here. Was `npm run build` run?");
  }
}

function sendJson(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function sendText(response, status, body) {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(body);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startFixtureServer(Number(process.argv[2] ?? 7450));
  console.log(`fixture server at ${url}`);
}
