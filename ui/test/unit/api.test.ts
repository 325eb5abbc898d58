import { afterEach, describe, expect, test, vi } from "vitest";
import { errorSentence, getJson, withParameters } from "../../src/api/client.ts";
import { parseColumns } from "../../src/api/columns.ts";
import { parseExemplars } from "../../src/api/exemplars.ts";
import { parseAttributes } from "../../src/api/otlp.ts";
import { parseSearch } from "../../src/api/search.ts";
import { parseOperations, parseServices } from "../../src/api/services.ts";
import { parseTags, parseTagValues } from "../../src/api/tags.ts";
import { parseTargets } from "../../src/api/targets.ts";
import { parseTrace } from "../../src/api/trace.ts";
import { received } from "./received.ts";

const attribute = (key: string, value: object) => ({ key, value });

describe("spans as columns", () => {
  const spans = received([
    {
      service: "shop",
      spans: [
        {
          spanId: "00f067aa0ba902b7",
          name: "pay",
          kind: 3,
          startTimeUnixNano: "1790000000000000001",
          endTimeUnixNano: "1790000000000000003",
          status: { code: 2, message: "no" },
          attributes: [attribute("peer", { stringValue: "bank" })],
          events: [{ name: "retry", timeUnixNano: "1790000000000000002" }],
          links: [{ traceId: "ab", spanId: "cd" }],
          droppedAttributesCount: 2,
        },
        { spanId: "1", parentSpanId: "00f067aa0ba902b7", kind: 2, status: { code: 1 } },
        {
          spanId: "2",
          kind: 99,
          status: { code: 7 },
          attributes: [
            attribute("peer", { stringValue: "shelf" }),
            attribute("rows", { intValue: "9007199254740993" }),
          ],
        },
      ],
    },
    { spans: [{}] },
  ]);

  test("unknown enums are neutral", () => {
    expect(spans.map((span) => [span.kind, span.status])).toEqual([
      ["client", "error"],
      ["server", "ok"],
      ["unspecified", "unset"],
      ["unspecified", "unset"],
    ]);
  });

  test("IDs and times are exact, also where a span has no time", () => {
    expect(spans[0].spanId).toBe("00f067aa0ba902b7");
    expect(spans[0].parentSpanId).toBeNull();
    expect(spans[1].parentSpanId).toBe("00f067aa0ba902b7");
    expect(spans[0].start).toBe(1790000000000000001n);
    expect(spans[0].end - spans[0].start).toBe(2n);
    expect(spans[1]).toMatchObject({ start: 0n, end: 0n });
    expect(spans[0].events[0].time - spans[0].start).toBe(1n);
    expect(spans[0].links[0].traceId).toBe("ab".padStart(32, "0"));
    expect(spans[0].droppedCount).toBe(2);
    expect(spans[0].statusMessage).toBe("no");
  });

  test("each span has its own attributes", () => {
    const texts = spans.map((span) => span.attributes.map(({ key, text }) => `${key}=${text}`));
    expect(texts).toEqual([["peer=bank"], [], ["peer=shelf", "rows=9007199254740993"], []]);
  });

  test("a span without anything is a span all the same", () => {
    expect(spans[3]).toMatchObject({ spanId: null, name: "", start: 0n, events: [] });
    expect(spans[3].resource.serviceName).toBe("unknown service");
    expect(parseColumns({})).toEqual([]);
    expect(parseColumns({ spans: { name: [4], start: [null] } })[0].name).toBe("");
  });

  test("values of every type are text with their type", () => {
    const parsed = parseAttributes([
      attribute("s", { stringValue: "x" }),
      attribute("i", { intValue: "9007199254740993" }),
      attribute("d", { doubleValue: 1.5 }),
      attribute("b", { boolValue: false }),
      attribute("a", { arrayValue: { values: [{ intValue: "1" }, { stringValue: "y" }] } }),
      attribute("m", {
        kvlistValue: { values: [attribute("k", { boolValue: true }), attribute("n", {})] },
      }),
      attribute("z", { bytesValue: "AQI=" }),
      attribute("e", {}),
    ]);
    expect(parsed.map(({ type, text }) => `${type} ${text}`)).toEqual([
      "string x",
      "int 9007199254740993",
      "double 1.5",
      "bool false",
      'array [1,"y"]',
      'map {"k":true,"n":""}',
      "bytes AQI=",
      "empty ",
    ]);
  });

  test("values nested without end stop", () => {
    let value: object = { stringValue: "deep" };
    for (let i = 0; i < 5000; i++) value = { arrayValue: { values: [value] } };
    expect(parseAttributes([attribute("a", value)])[0].text).toContain("…");
  });
});

test("a trace brings exemplars, pins and gaps", () => {
  const trace = parseTrace({
    traceId: "9F3C",
    exemplars: [
      {
        seriesLabels: { __name__: "m", le: "0.5" },
        labels: { trace_id: "9f3c", span_id: "b7" },
        value: 0.43,
        timestamp: 1766400000.125,
      },
    ],
    pins: [{ reason: "exemplar", untilUnixNano: "5" }],
    gaps: [
      { labels: { job: "a" }, lost: null, fromUnixNano: "1", toUnixNano: "2" },
      { labels: {}, lost: 7 },
    ],
  });
  expect(trace.traceId).toBe("9f3c".padStart(32, "0"));
  expect(trace.exemplars[0]).toMatchObject({
    value: 0.43,
    spanId: "00000000000000b7",
    time: 1766400000125000000n,
  });
  expect(trace.pins[0].until).toBe(5n);
  expect(trace.gaps.map((gap) => gap.lost)).toEqual([null, 7]);
  expect(parseTrace({})).toMatchObject({ spans: [], exemplars: [], pins: [], gaps: [] });
});

test("a page of found traces is in the server's order, with sums and a key to go on", () => {
  const page = parseSearch({
    traces: [
      { traceId: "a", rootServiceName: null, rootName: null, startUnixNano: "1", durationNanos: 3 },
      {
        traceId: "b",
        rootServiceName: "kiosk",
        rootName: "POST",
        startUnixNano: "1790000000000000001",
        durationNanos: 412e6,
        matched: 5,
        services: [
          { name: "kiosk", spanCount: 2, errorCount: 0 },
          { name: "seats", spanCount: 7, errorCount: 1 },
        ],
      },
      { traceId: "not hex" },
    ],
    next: "5-b",
    partial: null,
  });
  expect(page.traces.map((trace) => trace.traceId)).toEqual([
    "a".padStart(32, "0"),
    "b".padStart(32, "0"),
  ]);
  expect(page.traces[1]).toMatchObject({
    matched: 5,
    spanCount: 9,
    errorCount: 1,
    durationNanos: 412e6,
    start: 1790000000000000001n,
  });
  expect(page).toMatchObject({ next: "5-b", partial: null });
  expect(parseSearch(null)).toEqual({ traces: [], next: null, partial: null });
  expect(page.traces.map((trace) => trace.isRootHere)).toEqual([false, true]);
});

test("a trace whose root has not come is named after its largest service", () => {
  const services = [
    { name: "a", spanCount: 1 },
    { name: "b", spanCount: 3 },
  ];
  const { traces } = parseSearch({ traces: [{ traceId: "1", rootServiceName: null, services }] });
  expect(traces[0]).toMatchObject({ rootService: "b", rootName: "", isRootHere: false });
});

test("targets keep what is unknown apart from zero", () => {
  const targets = parseTargets({
    status: "success",
    data: {
      activeTargets: [
        { scrapeUrl: "http://a", health: "up", lastScrape: "0001-01-01T00:00:00Z", buffer: null },
        {
          scrapeUrl: "http://b",
          health: "strange",
          lastScrape: "2026-08-21T10:00:00.5Z",
          buffer: { tracked: true, lostTotal: 3, fillRatio: 0, secondsToOverwrite: null },
        },
      ],
      droppedTargets: [{ discoveredLabels: { a: "1" }, scrapePool: "p", droppedByRule: 0 }],
      droppedTargetCounts: { p: 4 },
    },
  });
  expect(targets.active[0]).toMatchObject({ lastReadMillis: null, buffer: null, health: "up" });
  expect(targets.active[1]).toMatchObject({ health: "unknown" });
  expect(targets.active[1].lastReadMillis).toBe(Date.UTC(2026, 7, 21, 10, 0, 0, 500));
  expect(targets.active[1].buffer).toMatchObject({
    fillRatio: 0,
    secondsToOverwrite: null,
    lostTotal: 3,
  });
  expect(targets.dropped[0].droppedByRule).toBe(0);
  expect(parseTargets({ data: null })).toEqual({ active: [], dropped: [], droppedCounts: {} });
});

test("exemplars of all series are one list, as they came", () => {
  const found = parseExemplars({
    dots: [
      { seriesLabels: { __name__: "n" }, labels: {}, value: "NaN", timestamp: 20 },
      { seriesLabels: { __name__: "m" }, value: 0.5, timestamp: 10, traceId: "1", spanId: "2" },
    ],
  });
  expect(found.dots.map((one) => [one.value, one.traceId, one.spanId])).toEqual([
    [Number.NaN, null, null],
    [0.5, "1".padStart(32, "0"), "2".padStart(16, "0")],
  ]);
});

test("names are read and sorted", () => {
  expect(parseServices({ services: [{ name: "b" }, { name: "a" }, {}] })).toEqual(["a", "b"]);
  expect(
    parseOperations({
      operations: [
        {
          name: "x",
          kind: "SPAN_KIND_SERVER",
          ratePerSecond: 2,
          durationNanos: { p50: 7, p95: 9 },
        },
      ],
    }),
  ).toEqual([
    {
      name: "x",
      kind: "server",
      ratePerSecond: 2,
      errorRatePerSecond: 0,
      p50Nanos: 7,
      p95Nanos: 9,
      p99Nanos: null,
    },
  ]);
  expect(
    parseTags({
      scopes: [
        { name: "span", tags: ["b", "a"] },
        { name: "intrinsic", tags: ["name"] },
      ],
    }),
  ).toEqual(["span.a", "span.b"]);
  expect(parseTagValues({ tagValues: [{ type: "string", value: "x" }, "y"] })).toEqual(["x", "y"]);
});

describe("errors are the server's own sentences", () => {
  test.each([
    ['{"error":"no such trace"}', "no such trace"],
    ['{"status":"error","errorType":"bad_data","error":"end before start"}', "end before start"],
    [
      "invalid TraceQL query: parse error at line 1, col 9",
      "invalid TraceQL query: parse error at line 1, col 9",
    ],
    ["<html>a proxy</html>", "The server answered with status 502 and no reason."],
    ["", "The server answered with status 502 and no reason."],
  ])("%s", (body, sentence) => {
    expect(errorSentence(body, 502)).toBe(sentence);
  });
});

describe("asking", () => {
  afterEach(() => vi.unstubAllGlobals());

  const answering = (body: string, status = 200) =>
    vi.stubGlobal("fetch", async () => new Response(body, { status }));

  test("empty parameters are left out", () => {
    expect(withParameters("/a", { q: "{ }", x: "", y: undefined, n: 0 })).toBe("/a?q=%7B+%7D&n=0");
    expect(withParameters("/a", {})).toBe("/a");
  });

  test("a good answer is parsed", async () => {
    answering('{"a":1}');
    expect(await getJson("/a", {}, (json) => json)).toEqual({ ok: true, value: { a: 1 } });
  });

  test("refusals, broken answers and dead servers are failures, never exceptions", async () => {
    answering("bad query", 400);
    expect(await getJson("/a", {}, String)).toEqual({
      ok: false,
      failure: { sentence: "bad query", status: 400 },
    });
    answering("{");
    expect(await getJson("/a", {}, String)).toMatchObject({ ok: false, failure: { status: 200 } });
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("refused");
    });
    expect(await getJson("/a", {}, String)).toMatchObject({ ok: false, failure: { status: 0 } });
  });
});
