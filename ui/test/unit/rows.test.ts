import { describe, expect, test } from "vitest";
import { findSpans, nextMatch } from "../../src/model/find.ts";
import { collapsedAtDepth, revealed, rowOf, visibleRows } from "../../src/model/rows.ts";
import { selfNanos, selfStretches } from "../../src/model/self-time.ts";
import { spanKey, spanOfKey } from "../../src/model/span-key.ts";
import { buildTrace } from "../../src/model/trace.ts";
import { NOW, span } from "./sketch.ts";

//  0 a 0–100
//  1   b 10–40
//  2     c 12–20
//  3     d 15–30
//  4   e 50–140 (past the end of its parent)
const trace = buildTrace(
  [
    span({ id: "a", from: 0, to: 100 }),
    span({ id: "b", parent: "a", from: 10, to: 40 }),
    span({ id: "c", parent: "b", from: 12, to: 20 }),
    span({ id: "d", parent: "b", from: 15, to: 30, service: "Bank" }),
    span({ id: "e", parent: "a", from: 50, to: 140, isError: true }),
  ],
  NOW,
);

describe("rows", () => {
  test("all are shown when nothing is collapsed", () => {
    expect([...visibleRows(trace, new Set())]).toEqual([0, 1, 2, 3, 4]);
  });

  test("a collapsed span hides what is below it, and nothing else", () => {
    expect([...visibleRows(trace, new Set([1]))]).toEqual([0, 1, 4]);
    expect([...visibleRows(trace, new Set([0, 1]))]).toEqual([0]);
    expect([...visibleRows(trace, new Set([2]))]).toEqual([0, 1, 2, 3, 4]);
  });

  test("a hidden span is found at its nearest shown ancestor", () => {
    const rows = visibleRows(trace, new Set([1]));
    expect([0, 1, 2, 3, 4].map((index) => rowOf(rows, index))).toEqual([0, 1, 1, 1, 2]);
    expect(rowOf(new Int32Array(0), 0)).toBe(-1);
  });

  test("revealing a span opens its ancestors only", () => {
    expect([...revealed(trace, new Set([0, 1, 4]), 3)]).toEqual([4]);
    const untouched = new Set([1]);
    expect(revealed(trace, untouched, 4)).toBe(untouched);
  });

  test("collapsing a level takes the spans that have children", () => {
    expect([...collapsedAtDepth(trace, 1)]).toEqual([1]);
  });
});

describe("own time", () => {
  test("is the length without what children cover, overlaps counted once", () => {
    expect([...selfStretches(trace, 1)]).toEqual([10, 12, 30, 40]);
    expect(selfNanos(trace, 1)).toBe(12);
  });

  test("a child that outlives its parent takes no more than there is", () => {
    expect([...selfStretches(trace, 0)]).toEqual([0, 10, 40, 50]);
  });

  test("a leaf works all its time itself", () => {
    expect(selfNanos(trace, 4)).toBe(90);
  });
});

describe("find", () => {
  test("looks into names, services, status and IDs, whatever the case", () => {
    expect([...findSpans(trace, "bank")]).toEqual([3]);
    expect([...findSpans(trace, "STATUS=error")]).toEqual([4]);
    expect([...findSpans(trace, "000000000000000c")]).toEqual([2]);
    expect([...findSpans(trace, "service.name=shop")]).toEqual([0, 1, 2, 4]);
    expect([...findSpans(trace, "  ")]).toEqual([]);
  });

  test("steps round the ends", () => {
    const matches = Int32Array.of(1, 3);
    expect([-1, 1, 3].map((from) => nextMatch(matches, from, 1))).toEqual([1, 3, 1]);
    expect([-1, 1, 3].map((from) => nextMatch(matches, from, -1))).toEqual([3, 3, 1]);
    expect(nextMatch(new Int32Array(0), 0, 1)).toBe(-1);
  });
});

test("links name spans by ID, and by place where that is not enough", () => {
  const odd = buildTrace(
    [span({ id: "a", to: 50 }), span({ id: "a", from: 5 }), span({ id: "", name: "x", from: 9 })],
    NOW,
  );
  const keys = odd.spans.map((_, index) => spanKey(odd, index));
  expect(keys).toEqual(["000000000000000a", "n1", "n2"]);
  expect(keys.map((key) => spanOfKey(odd, key))).toEqual([0, 1, 2]);
  expect(["n3", "zz", "b", null].map((key) => spanOfKey(odd, key))).toEqual([-1, -1, -1, -1]);
});
