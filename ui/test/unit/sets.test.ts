// What is made of many traces at once: the service map, the comparison, the heat map, the lists.

import { describe, expect, test } from "vitest";
import { parseHeat } from "../../src/api/heat.ts";
import type { FoundTrace } from "../../src/api/search.ts";
import { parseServiceGraph } from "../../src/api/service-graph.ts";
import { parseStructure } from "../../src/api/structure.ts";
import { heatOf, rowSums } from "../../src/base/heat.ts";
import { callersOf, compare } from "../../src/model/compare.ts";
import { faultPlace } from "../../src/model/fault-place.ts";
import {
  facetsOf,
  fullStripNanos,
  newestFirst,
  slowestFirst,
} from "../../src/model/found-traces.ts";
import { layers } from "../../src/model/layers.ts";
import { narrowed, withValue } from "../../src/model/narrow.ts";
import {
  joinedEdges,
  lineShares,
  neighbourhood,
  nodeErrorShare,
} from "../../src/model/service-map.ts";

import { tellingFields } from "../../src/model/telling.ts";

const attribute = (key: string, value: object) => ({ key, value });
const text = (key: string, stringValue: string) => attribute(key, { stringValue });
const number = (key: string, intValue: number) => attribute(key, { intValue: String(intValue) });
const shortSpan = (
  service: string,
  name: string,
  left: number,
  parent: number,
  millis: number,
) => ({
  name,
  durationNanos: String(millis * 1e6),
  attributes: [
    text("service.name", service),
    text("status", name === "charge" ? "error" : "unset"),
    number("nestedSetLeft", left),
    number("nestedSetParent", parent),
  ],
});
const traceJson = (id: string, payMillis: number) => ({
  traceID: id,
  durationMs: 10 + payMillis,
  spanSets: [
    {
      matched: 5,
      spans: [
        shortSpan("shop", "checkout", 1, -1, 10 + payMillis),
        shortSpan("shop", "pay 17", 2, 1, payMillis),
        shortSpan("bank", "charge", 3, 2, payMillis - 1),
      ],
    },
  ],
});
const fast = parseStructure({ traces: [traceJson("a1", 20), traceJson("a2", 20)] });
const slow = parseStructure({ traces: [traceJson("b1", 220)] });

describe("the service map", () => {
  const edge = (client: string, server: string, calls: number, failed = 0, seconds = 0.1) => ({
    client,
    server,
    connectionType: server === "postgres" ? "database" : "",
    calls,
    failed,
    p50Seconds: seconds,
    p95Seconds: seconds,
    p99Seconds: seconds,
    traceIds: [],
  });
  const names = ["shop", "bank", "ledger", "postgres"];
  const parsed = parseServiceGraph({
    nodes: names.map((name) => ({
      name,
      type: name === "postgres" ? "database" : "service",
      ratePerSecond: 2,
      errorRatePerSecond: 1,
    })),
    edges: [
      edge("shop", "bank", 10, 5),
      edge("bank", "ledger", 100, 0, 0.5),
      { ...edge("bank", "ledger", 50, 1, 2), connectionType: "messaging_system" },
      edge("ledger", "postgres", 1000),
    ],
    partial: null,
  });
  const graph = { ...parsed, edges: joinedEdges(parsed.edges) };

  test("draws two ways of one call as one line, with the longer times", () => {
    expect(graph.edges.map(({ to, calls, failed }) => [to, calls, failed])).toEqual([
      ["postgres", 1000, 0],
      ["ledger", 150, 1],
      ["bank", 10, 5],
    ]);
    expect(graph.edges[1].p95Nanos).toBe(2e9);
    expect(nodeErrorShare(graph.nodes[0])).toBe(0.5);
  });

  test("reaches as many calls from a service as asked", () => {
    const near = (steps: number) =>
      neighbourhood(graph, "shop", steps).nodes.map(({ name }) => name);
    expect(near(1)).toEqual(["shop", "bank"]);
    expect(near(3)).toEqual(names);
    expect(neighbourhood(graph, "nobody", 2).edges).toEqual([]);
  });

  test("of many services has columns, callers to the left, whatever circles there are", () => {
    const names = ["d", "c", "b", "a", "lonely"];
    const link = (from: string, to: string) => ({ from, to });
    const chain = [link("a", "b"), link("b", "c"), link("c", "d"), link("a", "d")];
    const columnOf = (columns: readonly string[][], name: string) =>
      columns.findIndex((column) => column.includes(name));
    const columns = layers(names, chain);
    expect(["a", "b", "c", "d"].map((name) => columnOf(columns, name))).toEqual([0, 1, 2, 3]);
    const round = layers(names, [...chain, link("d", "a"), link("b", "b"), link("x", "a")]);
    expect(round.flat().sort()).toEqual([...names].sort());
    expect(layers([], [])).toEqual([]);
  });

  test("has lines as thick as what they are drawn by", () => {
    expect(lineShares(graph.edges, "calls").map((share) => share.toFixed(2))).toEqual([
      "1.00",
      "0.58",
      "0.00",
    ]);
    expect(lineShares(graph.edges, "errors")[2]).toBe(1);
    expect(lineShares(graph.edges, "latency")[1]).toBe(1);
    expect(lineShares(graph.edges.slice(0, 1), "calls")).toEqual([0]);
  });
});

describe("whole traces in short", () => {
  test("are read with their tree", () => {
    expect(fast.length).toBe(2);
    expect(fast[0].leftOut).toBe(2);
    expect(fast[0].spans[2]).toEqual({
      service: "bank",
      name: "charge",
      kind: "",
      isError: true,
      durationNanos: 19e6,
      left: 3,
      parentLeft: 2,
    });
  });

  test("are compared call by call", () => {
    const { calls, a, b } = compare(slow, fast);
    expect(calls.map((call) => [call.name, call.depth, call.differenceNanos / 1e6])).toEqual([
      ["checkout", 0, 0],
      ["pay …", 1, 0],
      ["charge", 2, 200],
    ]);
    expect([a.traces, b.traces, a.failed]).toEqual([1, 2, 1]);
    expect(compare([], fast).calls.every((call) => call.a.count === 0)).toBe(true);
  });
});

describe("the heat map", () => {
  test("has rows of one ratio, and all that was counted", () => {
    const heat = parseHeat({
      stepNanos: 60e9,
      timesUnixMilli: [60_000, 120_000],
      rows: [
        { durationNanosMax: 1e6, counts: [3, 0] },
        { durationNanosMax: 4e6, counts: [0, 2] },
        { durationNanosMax: 8e6, counts: [0, 0] },
      ],
      spans: 5,
    });
    expect([heat.columns, heat.total, heat.highest]).toEqual([2, 5, 3]);
    expect(heat.bounds.length).toBe(3);
    expect(rowSums(heat)).toEqual([3, 0, 2]);
    expect([heat.fromMillis, heat.toMillis]).toEqual([0, 120_000]);
  });

  test("of nothing is empty, not wrong", () => {
    const heat = heatOf([], 0, 1000, 100);
    expect([heat.bounds.length, heat.total, heat.columns]).toEqual([0, 0, 10]);
  });

  test("of many fine rows keeps a number that can be drawn", () => {
    const points = Array.from({ length: 900 }, (_, i) => ({
      atMillis: 100,
      bound: 1000 * 1.02 ** i,
      count: 1,
    }));
    const heat = heatOf(points, 0, 100, 100);
    expect(heat.bounds.length).toBeLessThanOrEqual(42);
    expect(heat.total).toBe(900);
  });
});

describe("narrowing", () => {
  test("puts a box into query and range", () => {
    const box = { fromMillis: 1500, toMillis: 9100, fromNanos: 20e6, toNanos: 1.5e9 };
    expect(narrowed("{ }", box)).toEqual({
      query: "{ duration >= 20ms && duration <= 1.5s }",
      range: { kind: "between", startSeconds: 1, endSeconds: 10 },
    });
    const flat = { ...box, fromNanos: 0, toNanos: Number.POSITIVE_INFINITY };
    expect(narrowed("{ status = error }", flat).query).toBe("{ status = error }");
    expect(narrowed("{ a } >> { b }", box).query).toContain("&& { a } >> { b }");
  });

  test("adds a value where the query can take it", () => {
    expect(withValue("", "resource.service.name", "shop")).toBe(
      '{ resource.service.name = "shop" }',
    );
    expect(withValue("{ status = error }", "span.http.route", "/pay")).toBe(
      '{ status = error && span.http.route = "/pay" }',
    );
    expect(withValue("{ .a = 1 || .b = 2 }", "kind", "server")).toContain("kind = server");
  });

  test("finds the place of a fault", () => {
    expect(faultPlace("parse error at line 1, col 12: found `eror`", "{ status = eror }")).toBe(11);
    expect(faultPlace("line 2, column 1: x", "{ }\n| x")).toBe(4);
    expect(faultPlace("no place", "{ }")).toBeNull();
  });
});

test("pages join without doubles, and the newer answer of a trace holds", () => {
  const found = (id: string, start: bigint, spanCount: number) => {
    const durationNanos = 100 - Number(start);
    const same = { services: [], rootName: "r", errorCount: 0 };
    return { traceId: id, start, spanCount, durationNanos, ...same } as never;
  };
  const list = newestFirst(
    [found("a", 1n, 1), found("b", 5n, 1)],
    [found("a", 1n, 9), found("c", 3n, 1)],
  );
  expect(list.map((trace) => [trace.traceId, trace.spanCount])).toEqual([
    ["b", 1],
    ["c", 1],
    ["a", 9],
  ]);
  const slowest = slowestFirst([found("a", 1n, 1), found("b", 5n, 1)], [found("d", 1n, 1)]);
  expect(slowest.map((trace) => trace.traceId)).toEqual(["a", "d", "b"]);
  expect(facetsOf(list)[1].values).toEqual([{ value: "r", count: 3 }]);
});

test("fields that merely name things are told last", () => {
  const value = (text: string | null, selection: number, baseline: number) => ({
    value: text,
    selection,
    baseline,
  });
  const field = (name: string, ...values: ReturnType<typeof value>[]) => ({
    field: name,
    difference: name === "alike" ? 0.01 : 0.5,
    values,
  });
  const fields = [
    field("session", value(null, 60, 90), value("x1", 1, 0), value("x2", 0, 1)),
    field("version", value("2", 80, 10), value("1", 20, 90)),
    field("alike", value("a", 50, 50)),
    field("image", value("shop:2", 80, 10), value("shop:1", 20, 90)),
  ];
  const told = tellingFields({ selectionSpans: 100, baselineSpans: 100, fields });
  expect(told.map((one) => [one.field, ...one.alike])).toEqual([["version", "image"], ["session"]]);
});

test("each call knows the one that made it", () => {
  expect(callersOf([0, 1, 2, 2, 1, 0, 1].map((depth) => ({ depth })))).toEqual([
    -1, 0, 1, 1, 0, -1, 5,
  ]);
});

test("one trace that is far longer than all others does not make points of them", () => {
  const trace = (millis: number) => ({ durationNanos: millis * 1e6, start: 1n }) as FoundTrace;
  expect(fullStripNanos([trace(10), trace(20), trace(40)])).toBe(40e6);
  const many = [...Array.from({ length: 19 }, (_, i) => trace(10 + i)), trace(30_000)];
  expect(fullStripNanos(many)).toBe(28e6);
  expect(fullStripNanos([])).toBe(1);
  // Nor do several of them, nor one without times.
  const days = [trace(3e8), trace(2e8), trace(1e5)];
  const untimed = { durationNanos: 4e15, start: 0n } as FoundTrace;
  expect(fullStripNanos([...days, ...many.slice(0, 10), untimed])).toBe(16 * 16e6);
});
