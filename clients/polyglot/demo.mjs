// `sigyn demo --polyglot`: an order of the shop passes through a service in each language, and is one tree.
//
//   SIGYN_BINARY=target/debug/sigyn node clients/polyglot/demo.mjs LANGUAGE…
import assert from "node:assert/strict";
import { dirname, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { start, stopAll, until } from "../rig.mjs";

const repository = join(dirname(fileURLToPath(import.meta.url)), "../..");
const names = process.argv.slice(2).map((language) => `polyglot-${language}`);

function attributesOf(list = []) {
  return Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));
}

function spansOf(text) {
  const trace = JSON.parse(text);
  return (trace.trace ?? trace).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        id: span.spanId,
        parent: span.parentSpanId ?? "",
        isServer: ["SERVER", "SPAN_KIND_SERVER", 2].includes(span.kind),
        isClient: ["CLIENT", "SPAN_KIND_CLIENT", 3].includes(span.kind),
        service: attributesOf(resource.attributes)["service.name"],
        attributes: attributesOf(span.attributes),
        start: BigInt(span.startTimeUnixNano),
        end: BigInt(span.endTimeUnixNano),
      })),
    ),
  );
}

/** The whole way of one order, or what is missing yet. */
function check(spans) {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const roots = spans.filter(({ parent }) => parent === "");
  if (roots.length !== 1) throw new Error(`${roots.length} roots`);
  const orphan = spans.find(({ parent }) => parent !== "" && !byId.has(parent));
  if (orphan) throw new Error(`a span of ${orphan.service} has no parent yet`);
  let above = spans.find(({ service, attributes }) => service === "checkout" && attributes["shop.beyond.services"]);
  if (!above) throw new Error("no order was announced yet");
  assert.equal(above.attributes["shop.beyond.services"], names.join(", "), "the chain is as long as there are languages");
  assert.equal(above.attributes["shop.beyond.user.id"], above.attributes["user.id"], "baggage came through all of them");
  for (const name of names) {
    const server = spans.find((span) => span.service === name && span.isServer);
    assert.ok(server, `${name} has a server span`);
    const caller = byId.get(server.parent);
    assert.ok(caller.isClient && caller.service === above.service, `${name} is called by ${above.service}`);
    assert.equal(caller.parent, above.id, `${above.service} calls within its server span`);
    assert.ok(server.start >= caller.start && server.end <= caller.end, `${name} lies within its caller's time`);
    above = server;
  }
  return { services: new Set(spans.map(({ service }) => service)).size, spans: spans.length };
}

let demo;
try {
  demo = start(
    resolve(process.env.SIGYN_BINARY),
    ["demo", "--polyglot", "--rate=20", "--duration=2m", "--web.listen-address=127.0.0.1:0"],
    { cwd: repository },
  );
  // Before that it makes the services ready, which the test run has done, and starts a JVM.
  let url;
  for (let tries = 0; tries < 4 && !url; tries += 1) {
    url = await until("the demo prints its URL", async () => demo.out.match(/http:\/\/\S+/)?.[0], demo).catch((error) => {
      if (tries === 3) throw error;
    });
  }
  const ask = async (path) => {
    const response = await fetch(`${url}${path}`, { headers: { accept: "application/json" } });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response.text();
  };
  const query = encodeURIComponent('{ span.shop.beyond.services != "" }');
  const report = await until("an order is one tree through all languages", async () => {
    const { traces } = JSON.parse(await ask(`/api/search?q=${query}&limit=5`));
    // The oldest of them had most time to arrive.
    const { traceID } = traces.at(-1);
    return check(spansOf(await ask(`/api/v2/traces/${traceID}`)));
  }, demo);
  demo.child.kill("SIGINT");
  assert.equal(await demo.code, 0, demo.err);
  process.stdout.write(`${JSON.stringify({ test: "demo --polyglot", languages: names.length, ...report })}\n`);
} catch (error) {
  process.stderr.write(`demo --polyglot: ${error.stack}\n`);
  process.exitCode = 1;
} finally {
  // It ends its services; killed, it could not.
  demo?.child.kill("SIGINT");
  await Promise.race([demo?.code, pause(10_000)]);
  await stopAll();
}
