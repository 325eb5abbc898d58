import { describe, expect, test } from "vitest";
import { criticalPath, pathByOperation } from "../../src/model/critical-path.ts";
import { buildFlame } from "../../src/model/flame.ts";
import { traceInsight } from "../../src/model/insight.ts";
import { buildLanes } from "../../src/model/lanes.ts";
import { groupSpans, percentile } from "../../src/model/span-table.ts";
import { buildTrace } from "../../src/model/trace.ts";
import { NOW, type SpanSketch, span } from "./sketch.ts";

const traceOf = (...sketches: SpanSketch[]) => buildTrace(sketches.map(span), NOW);

/** `a 0–10 60–100 | b 10–60`, by time of the first stretch. */
function check(sketches: readonly SpanSketch[], expected: string): void {
  const trace = traceOf(...sketches);
  const path = criticalPath(trace, 0);
  const lines = [...path.stretches]
    .sort(([a], [b]) => a - b)
    .map(([index, pairs]) => {
      const stretches = Array.from({ length: pairs.length / 2 }, (_, i) =>
        [pairs[2 * i], pairs[2 * i + 1]].join("–"),
      );
      return `${trace.spans[index].name} ${stretches.join(" ")}`;
    });
  expect(lines.join(" | ")).toBe(expected);
  const sum = path.bySelfTime.reduce((total, { nanos }) => total + nanos, 0);
  expect(sum).toBe(path.totalNanos);
}

describe("the critical path", () => {
  test("is the span itself where there is no other", () => {
    check([{ id: "a", to: 100 }], "a 0–100");
  });

  test("goes through calls that follow each other", () => {
    check(
      [
        { id: "a", to: 100 },
        { id: "b", parent: "a", from: 10, to: 40 },
        { id: "c", parent: "a", from: 50, to: 90 },
      ],
      "a 0–10 40–50 90–100 | b 10–40 | c 50–90",
    );
  });

  test("of parallel calls takes the one that ended last", () => {
    check(
      [
        { id: "a", to: 100 },
        { id: "b", parent: "a", from: 10, to: 60 },
        { id: "c", parent: "a", from: 10, to: 90 },
      ],
      "a 0–10 90–100 | c 10–90",
    );
  });

  test("does not wait for what outlives the parent", () => {
    check(
      [
        { id: "a", to: 100 },
        { id: "b", parent: "a", from: 20, to: 180 },
      ],
      "a 0–100",
    );
  });

  test("leads on to what a root that answered early had put into a queue", () => {
    const job: SpanSketch[] = [
      { id: "a", name: "post", to: 30 },
      { id: "b", parent: "a", name: "validate", from: 2, to: 8 },
      { id: "c", parent: "a", name: "publish", from: 10, to: 20, kind: "producer" },
      { id: "d", parent: "c", name: "job", from: 900, to: 2900, kind: "consumer" },
      { id: "e", parent: "d", name: "render", from: 910, to: 2800 },
    ];
    const trace = traceOf(...job);
    const path = criticalPath(trace, 0);
    expect(path.totalNanos).toBe(2900);
    expect(path.waits).toEqual([20, 900]);
    const shares = pathByOperation(trace, path);
    expect(shares.map(({ name, nanos, span }) => [name, nanos, span < 0])).toEqual([
      ["render", 1890, false],
      ["nothing ran", 880, true],
      ["job", 110, false],
      ["publish", 10, false],
      ["validate", 6, false],
      ["post", 4, false],
    ]);
    expect(shares.reduce((sum, { nanos }) => sum + nanos, 0)).toBe(path.totalNanos);
    // What a wrong clock has carried beyond the end is not what the trace waited for.
    expect(criticalPath(trace, 0, 30).totalNanos).toBe(30);
  });

  test("of a root without times is that of what it called", () => {
    const trace = traceOf(
      { id: "a", name: "root", isUntimed: true },
      { id: "b", parent: "a", name: "call", from: 0, to: 40 },
    );
    const root = trace.spans.findIndex(({ name }) => name === "root");
    expect(pathByOperation(trace, criticalPath(trace, root))).toMatchObject([
      { name: "call", nanos: 40 },
    ]);
  });

  test("holds a chain of 50,000 without recursion", () => {
    const count = 50_000;
    const chain = Array.from({ length: count }, (_, i) => ({
      id: (i + 1).toString(16),
      parent: i === 0 ? "" : i.toString(16),
      from: i,
      to: 2 * count - i,
    }));
    const path = criticalPath(traceOf(...chain), 0);
    expect(path.bySelfTime.length).toBe(count);
  });

  test("by operation sums spans of one name", () => {
    const trace = traceOf(
      { id: "a", to: 100 },
      { id: "b", parent: "a", name: "get", from: 10, to: 40 },
      { id: "c", parent: "a", name: "get", from: 40, to: 80 },
    );
    const [first] = pathByOperation(trace, criticalPath(trace, 0));
    expect([first.name, first.nanos, first.count]).toEqual(["get", 70, 2]);
    expect(trace.spans[first.span].spanId).toBe("000000000000000c");
  });
});

const shop = traceOf(
  { id: "a", name: "checkout", to: 100, service: "web", isError: true },
  { id: "b", name: "pay", parent: "a", from: 10, to: 70, service: "bank", isError: true },
  { id: "c", name: "get", parent: "a", from: 20, to: 30, service: "db" },
  { id: "d", name: "get", parent: "a", from: 25, to: 45, service: "db" },
);

test("errors are led back to where they began", () => {
  const { origins, byService } = traceInsight(shop, criticalPath(shop, 0));
  expect(origins.map(({ span }) => shop.spans[span].name)).toEqual(["pay"]);
  expect(byService.map(({ service }) => service)).toEqual(["bank", "web"]);
});

test("the flame graph merges equal paths and is as wide as the time in it", () => {
  const flame = buildFlame(shop, -1);
  const get = flame.boxes.find((box) => box.name === "get");
  expect([get?.spanCount, get?.width, get?.depth]).toEqual([2, 30, 1]);
  const root = flame.boxes[0];
  expect(root.width).toBe(root.selfNanos + 60 + 30);
  expect(flame.width).toBe(root.width);
});

test("lanes hold overlapping spans apart", () => {
  const lanes = buildLanes(shop, -1);
  const db = lanes.find((lane) => lane.name === "db");
  expect([...(db?.lines ?? [])]).toEqual([0, 1]);
  expect(db?.busyNanos).toBe(25);
});

test("groups know counts, sums and percentiles", () => {
  const groups = groupSpans(shop, -1, "operation", criticalPath(shop, 0));
  const get = groups.find((group) => group.name === "get");
  expect([get?.count, get?.sumNanos, get?.p50Nanos, get?.maxNanos]).toEqual([2, 30, 10, 20]);
  expect(groups.find((group) => group.name === "pay")?.pathNanos).toBe(60);
  expect(percentile([1, 2, 3, 4], 0.5)).toBe(2);
  expect(percentile([], 0.5)).toBe(0);
});
