import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { BinaryCarrier, FORMAT_BINARY, FORMAT_HTTP_HEADERS, FORMAT_TEXT_MAP } from "opentracing";
import { SpanBuffer } from "../dist/index.js";
import { Tracer } from "../dist/opentracing/index.js";
import { CANNOT, load, opentracingBody, spanBody, spansOf } from "./vectors.mjs";

/** One case of protocol.json against one buffer. */
class Scenario {
  cursors = {};
  cursor = "";
  recorded = 0;

  constructor(testCase, capacityBytes) {
    this.case = testCase;
    this.capacityBytes = capacityBytes;
    this.restart();
  }

  restart() {
    const { uid, clock, span_bytes_max } = this.case;
    this.buffer = new SpanBuffer({
      capacityBytes: this.capacityBytes,
      uid,
      clock: clock && (() => BigInt(clock)),
      spanBytesMax: span_bytes_max,
    });
    this.buffer.setResource({ "service.name": "vectors" });
  }

  record({ record: [from, to], scope = "vectors", pad = 0, trace }) {
    const number = this.buffer.scope(scope);
    for (let index = from; index < to; index += 1) {
      this.buffer.record(number, {
        traceId: (trace ?? index + 1).toString(16).padStart(32, "0"),
        spanId: (index + 1).toString(16).padStart(16, "0"),
        traceState: "",
        parentId: "",
        name: "span",
        kind: 1,
        start: [1_790_000_000, index],
        end: [1_790_000_000, index + 1000],
        code: 0,
        message: "",
        flags: 0x101,
        attributes: pad > 0 ? { pad: "x".repeat(pad) } : {},
        attributesDropped: 0,
        events: [],
        eventsDropped: 0,
        links: [],
        linksDropped: 0,
      });
    }
    this.recorded = to;
  }

  async step(step) {
    if ("record" in step) this.record(step);
    else if ("restart" in step) this.restart();
    else if ("show" in step) this.buffer.keepExemplars(step.show);
    else if ("start_draining" in step) this.buffer.startDraining();
    else if ("drained" in step) assert.equal(await this.buffer.drained(0), step.drained);
    else if ("read_all" in step) await this.readAll(step);
    else await this.get(step);
  }

  ask(query, { method = "GET", accept_encoding = "" }) {
    let full = query
      .replaceAll("{cursor}", this.cursor)
      .replaceAll("{epoch}", `1.${this.buffer.epoch}`);
    for (const [name, cursor] of Object.entries(this.cursors))
      full = full.replaceAll(`{cursor:${name}}`, cursor);
    return this.buffer.answer(method, full, accept_encoding);
  }

  async readAll(step) {
    const { expect } = step;
    const spans = [];
    let [reads, more] = [0, "1"];
    this.cursor = "";
    while (more === "1") {
      const { headers, body } = await this.ask(`cursor={cursor}&${step.read_all}`, step);
      assert.ok(body.length > 0 && body.length <= expect.body_bytes_max, `${body.length} bytes`);
      spans.push(...spansOf(body));
      this.cursor = headers["sigyn-cursor"];
      more = headers["sigyn-more"];
      reads += 1;
    }
    assert.deepEqual(numbersOf(spans), range(expect.spans));
    assert.deepEqual(numbersOf(spans.filter(({ cut }) => cut)), expect.truncated ?? []);
    assert.ok(reads >= (expect.reads_at_least ?? 1));
  }

  async get(step) {
    const { expect } = step;
    const before = this.cursor;
    const began = performance.now();
    const asked = this.ask(step.get, step);
    if (step.after_ms) {
      await pause(step.after_ms);
      await this.step(step.then);
    }
    const { status, headers, body } = await asked;
    const passed = performance.now() - began;
    assert.equal(status, expect.status ?? 200, body.toString());
    if (expect.text) assert.ok(body.toString().startsWith(expect.text), body.toString());
    if (status !== 200) return;
    assert.ok(
      passed >= (expect.at_least_ms ?? 0) && passed <= (expect.at_most_ms ?? 60_000),
      `${passed} ms`,
    );
    const encoding = headers["content-encoding"] ?? null;
    if (expect.encoding) assert.ok(expect.encoding.includes(encoding), `${encoding}`);
    const spans = spansOf(encoding === "gzip" ? gunzipSync(body) : body);
    const numbers = numbersOf(spans);
    if (expect.spans) assert.deepEqual(numbers, range(expect.spans));
    if (expect.numbers) assert.deepEqual(numbers, expect.numbers);
    if ("begins" in expect) assert.equal(numbers[0], expect.begins);
    if (expect.empty || expect.head) assert.equal(body.length, 0);
    const kept = expect.kept ?? [];
    if (expect.newest) {
      assert.deepEqual(numbers.splice(0, kept.length), kept);
      assert.deepEqual(numbers, range([numbers[0], this.recorded]));
      assert.ok(numbers.length >= expect.at_least);
    }
    const lost = headers["sigyn-lost"];
    if (expect.lost === "counted") {
      const position = Number.parseInt(before.split(".").at(-1), 16);
      assert.equal(Number(lost), numbers[0] - position - kept.length);
      assert.ok(Number(lost) > 0);
    } else if (expect.lost) {
      assert.equal(lost, expect.lost);
    }
    if (expect.more) assert.equal(headers["sigyn-more"], expect.more);
    if (expect.cursor_same) assert.equal(headers["sigyn-cursor"], before);
    if (expect.truncated)
      assert.deepEqual(numbersOf(spans.filter(({ cut }) => cut)), expect.truncated);
    for (const [scope, wanted] of Object.entries(expect.scopes ?? {})) {
      assert.deepEqual(numbersOf(spans.filter((span) => span.scope === scope)), wanted);
    }
    for (const [name, value] of Object.entries(expect.headers ?? {}))
      assert.equal(headers[name], value);
    for (const name of expect.absent ?? []) assert.equal(headers[name], undefined);
    const stats = Object.fromEntries(
      headers["sigyn-buffer"].split(", ").map((pair) => pair.split("=")),
    );
    for (const [name, value] of Object.entries(expect.stats ?? {}))
      assert.equal(Number(stats[name]), value, name);
    this.cursor = headers["sigyn-cursor"] ?? this.cursor;
    if (expect.save) this.cursors[expect.save] = this.cursor;
  }
}

function numbersOf(spans) {
  return spans.map(({ number }) => number).sort((one, other) => one - other);
}

function range([from, to]) {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

const protocol = load("protocol.json");
for (const testCase of protocol.cases) {
  test(`protocol: ${testCase.name}`, async () => {
    const scenario = new Scenario(testCase, protocol.capacity_bytes);
    for (const step of testCase.steps) await scenario.step(step);
  });
}

for (const testCase of load("spans.json").cases) {
  if (testCase.needs?.some((need) => CANNOT.includes(need))) continue;
  test(`span: ${testCase.name}`, async () => assert.equal(await spanBody(testCase), testCase.hex));
}

const opentracing = load("opentracing.json");
for (const testCase of opentracing.cases) {
  test(`opentracing: ${testCase.name}`, async () => {
    assert.equal(await opentracingBody(testCase, opentracing.service_name), testCase.hex);
  });
}

const propagation = load("propagation.json");

function check(context, expect) {
  if (expect === null) return assert.equal(context, null);
  assert.deepEqual(
    {
      trace_id: context.traceId,
      span_id: context.spanId,
      sampled: context.isSampled,
      baggage: { ...context.baggage },
      trace_state: context.traceState,
    },
    expect,
  );
}

for (const testCase of propagation.extract) {
  test(`extract: ${testCase.name}`, () => {
    for (const format of [FORMAT_HTTP_HEADERS, FORMAT_TEXT_MAP]) {
      check(new Tracer({ serviceName: "a" }).extract(format, testCase.headers), testCase.expect);
    }
  });
}

for (const testCase of propagation.inject) {
  test(`inject: ${testCase.name}`, () => {
    const tracer = new Tracer({ serviceName: "a", propagation: testCase.formats });
    const carrier = {};
    tracer.inject(tracer.extract(FORMAT_HTTP_HEADERS, testCase.from), FORMAT_HTTP_HEADERS, carrier);
    assert.deepEqual(carrier, testCase.expect);
  });
}

for (const testCase of [...propagation.binary, ...propagation.binary_broken]) {
  test(`binary: ${testCase.name}`, () => {
    const tracer = new Tracer({ serviceName: "a" });
    const context = tracer.extract(
      FORMAT_BINARY,
      new BinaryCarrier(Buffer.from(testCase.hex, "hex")),
    );
    check(context, testCase.expect ?? null);
    if (!context) return;
    const carrier = new BinaryCarrier();
    tracer.inject(context, FORMAT_BINARY, carrier);
    assert.equal(Buffer.from(carrier.buffer).toString("hex"), testCase.hex);
  });
}
