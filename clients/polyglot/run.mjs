// One trace through a service in each language, with a real Sigyn: one tree with right parents, kinds and baggage.
//
//   SIGYN_BINARY=target/debug/sigyn node clients/polyglot/run.mjs START…
//
// START is what `node clients/run.mjs demo` prints: {"language", "directory", "command", "env"}. The services are chained in
// that order; each serves /checkout, /debug/spans and /metrics on the address that --listen gives, and prints `ready`.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { freePort, serveSigyn, start, stopAll, temporaryFolder, until } from "../rig.mjs";

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE = TRACEPARENT.slice(3, 35);
const CALLER = TRACEPARENT.slice(36, 52);
const BAGGAGE = { user: "7", "cart.note": "two, please; äöü" };

const services = process.argv.slice(2).map((text) => JSON.parse(text));
const folder = temporaryFolder("polyglot");

async function startService({ language, directory, command, env }, port, next) {
  const chain = ["--listen", `127.0.0.1:${port}`, "--next", next];
  const service = start(command[0], [...command.slice(1), ...chain], { cwd: directory, env: { ...process.env, ...env } });
  await until(`${language} is ready`, async () => {
    if (service.child.exitCode !== null) throw new Error(service.err);
    return service.out.includes("ready\n");
  }, service);
  return service;
}

/** `sigyn check buffer` finds nothing bad, and tries what needs many spans, a large one and a new one. */
async function check(service) {
  const port = await freePort();
  const running = await startService(service, port, "");
  const app = `http://127.0.0.1:${port}`;
  for (let count = 0; count < 20; count += 1) await (await fetch(`${app}/checkout?count=${count}`)).text();
  await (await fetch(`${app}/checkout?note=${"x".repeat(6000)}`)).text();
  const subject = [`${app}/debug/spans`, `--provoke=${app}/checkout`];
  const checked = start(process.env.SIGYN_BINARY, ["check", "buffer", ...subject]);
  const code = await checked.code;
  assert.equal(code, 0, `${service.language}: ${checked.out}${checked.err}`);
  running.child.kill("SIGKILL");
  return checked.out.split("\n").filter((line) => line.startsWith("good")).length;
}

function attributesOf(list = []) {
  return Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));
}

/** Flat spans of the answer, whichever of the shapes of OTLP/JSON its IDs have. */
function spansOf(trace) {
  const hex = (id) => (/^([0-9a-f]{16}){1,2}$/.test(id ?? "") ? id : Buffer.from(id ?? "", "base64").toString("hex"));
  return (trace.trace ?? trace).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...span,
        service: attributesOf(resource.attributes)["service.name"],
        id: hex(span.spanId),
        parent: hex(span.parentSpanId),
        start: BigInt(span.startTimeUnixNano),
        end: BigInt(span.endTimeUnixNano),
      })),
    ),
  );
}

const isKind = (span, name, number) => [name, `SPAN_KIND_${name}`, number].includes(span.kind);

try {
  assert.ok(services.length > 0, "no service was given");
  const names = services.map(({ language }) => `polyglot-${language}`);
  const checks = await Promise.all(services.map(check));
  const ports = [];
  for (const _ of services) ports.push(await freePort());
  const started = [];
  let next = "";
  for (let index = services.length - 1; index >= 0; index -= 1) {
    started.unshift(await startService(services[index], ports[index], next));
    next = `http://127.0.0.1:${ports[index]}`;
  }
  const sigyn = await serveSigyn(folder, ports, "polyglot", "exemplars_path: /metrics");

  // With a parent that nobody has: the caller's browser, say.
  const baggage = Object.entries(BAGGAGE).map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join(",");
  const response = await fetch(`http://127.0.0.1:${ports[0]}/checkout`, { headers: { traceparent: TRACEPARENT, baggage } });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  assert.deepEqual(answer, { services: names, baggage: BAGGAGE });

  const spans = await until("the whole trace is in Sigyn", async () => {
    const text = await sigyn.get(`/api/v2/traces/${TRACE}`);
    const found = text && spansOf(JSON.parse(text));
    return found && found.length >= 2 * services.length - 1 && found;
  });
  assert.equal(spans.length, 2 * services.length - 1, "a server span each, and a client span each but for the last");
  let parent = CALLER;
  let above;
  for (const [index, name] of names.entries()) {
    const own = spans.filter(({ service }) => service === name);
    const server = own.find((span) => isKind(span, "SERVER", 2));
    const client = own.find((span) => isKind(span, "CLIENT", 3));
    assert.ok(server, `${name} has a server span: ${JSON.stringify(own.map(({ kind }) => kind))}`);
    assert.equal(server.parent, parent, `${name} goes on with its caller's span`);
    assert.equal(Boolean(client), index + 1 < names.length);
    if (client) assert.equal(client.parent, server.id, `${name} calls within its server span`);
    for (const [inner, outer] of [[server, above], [client, server]]) {
      if (!inner || !outer) continue;
      assert.ok(inner.start >= outer.start && inner.end <= outer.end, `${name}: a span outside of its parent`);
    }
    parent = client?.id;
    above = client;
  }

  // Each service's metrics page points at the trace.
  for (const [index, port] of ports.entries()) {
    const page = await fetch(`http://127.0.0.1:${port}/metrics`);
    assert.match(page.headers.get("content-type"), /openmetrics-text/);
    const text = await page.text();
    assert.match(text, new RegExp(`# \\{[^}]*trace_id="${TRACE}"`), `${names[index]}: ${text}`);
    assert.match(text, /# EOF\n$/);
  }

  // A reader that follows its cursor lets each of them end at once.
  const began = performance.now();
  for (const service of started) service.child.kill("SIGTERM");
  const codes = await Promise.all(started.map(({ code }) => code));
  const report = { test: "polyglot", services: names, spans: spans.length, buffer_checks_good: checks, drained_ms: Math.round(performance.now() - began) };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  // A JVM that ended by a signal says so, drained or not.
  assert.ok(codes.every((code) => code === 0 || code === 143), `they ended with ${codes}`);
} catch (error) {
  process.stderr.write(`polyglot: ${error.stack}\n`);
  process.exitCode = 1;
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
