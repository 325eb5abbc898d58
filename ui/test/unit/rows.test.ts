import { describe, expect, test } from "vitest";
import {
  collapsedByRule,
  exceptionsFor,
  formatRule,
  parseRule,
  withExceptions,
} from "../../src/model/collapse.ts";
import { findSpans, nextMatch } from "../../src/model/find.ts";
import { ALL_ROWS, buildRows, type RowChoices, revealed, rowOf } from "../../src/model/rows.ts";
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

const rowsWith = (change: Partial<RowChoices>, of = trace) =>
  buildRows(of, { ...ALL_ROWS, ...change });

describe("rows", () => {
  test("all are shown when nothing is collapsed", () => {
    expect([...rowsWith({}).spans]).toEqual([0, 1, 2, 3, 4]);
  });

  test("a collapsed span hides what is below it, and nothing else", () => {
    const spans = (collapsed: number[]) => [...rowsWith({ collapsed: new Set(collapsed) }).spans];
    expect(spans([1])).toEqual([0, 1, 4]);
    expect(spans([0, 1])).toEqual([0]);
    expect(spans([2])).toEqual([0, 1, 2, 3, 4]);
  });

  test("a hidden span is found at its nearest shown ancestor", () => {
    const rows = rowsWith({ collapsed: new Set([1]) });
    expect([0, 1, 2, 3, 4].map((index) => rowOf(rows, index))).toEqual([0, 1, 1, 1, 2]);
    expect(rowOf(rows, -1)).toBe(-1);
  });

  test("a root of choice shows itself and what is below", () => {
    const rows = rowsWith({ root: 1 });
    expect([...rows.spans]).toEqual([1, 2, 3]);
    expect([...rows.depths]).toEqual([0, 1, 1]);
    expect(rowOf(rows, 4)).toBe(-1);
  });

  test("short spans are left out, but not what failed", () => {
    const rows = rowsWith({ durationMinNanos: 20 });
    expect([...rows.spans]).toEqual([0, 1, 4]);
    expect(rows.leftOut.get(1)).toBe(2);
    expect(rowOf(rows, 3)).toBe(1);
    const strict = rowsWith({ durationMinNanos: 1000 });
    expect([...strict.spans]).toEqual([0, 4]);
  });

  test("revealing a span opens its ancestors only", () => {
    const choices = { collapsed: new Set([0, 1, 4]), unfolded: new Set<number>(), isFolding: true };
    expect([...revealed(trace, choices, 3).collapsed]).toEqual([4]);
    const untouched = { ...choices, collapsed: new Set([1]) };
    expect(revealed(trace, untouched, 4).collapsed).toBe(untouched.collapsed);
  });

  test("rules collapse a level, or calls within a service", () => {
    expect([...collapsedByRule(trace, { kind: "depth", levels: 1 }, -1)]).toEqual([1]);
    expect([...collapsedByRule(trace, { kind: "service" }, -1)]).toEqual([]);
    const rule = parseRule("depth-3");
    expect(formatRule(rule)).toBe("depth-3");
    expect(parseRule("nonsense").kind).toBe("none");
    const wanted = withExceptions(new Set([1, 2]), [2, 3]);
    expect([...wanted].sort()).toEqual([1, 3]);
    expect([...exceptionsFor(new Set([1, 2]), wanted)].sort()).toEqual([2, 3]);
  });
});

describe("repeats", () => {
  const calls = (count: number, name = (i: number) => `get ${i}`) =>
    Array.from({ length: count }, (_, i) =>
      span({
        id: `c${i.toString(16)}`,
        parent: "a",
        name: name(i),
        from: 10 * i,
        to: 10 * i + 5,
        isError: i === 2,
      }),
    );
  const folded = buildTrace(
    [span({ id: "a", to: 1000 }), ...calls(37), span({ id: "b", parent: "a", from: 15, to: 20 })],
    NOW,
  );

  test("become one row that knows their sum", () => {
    const rows = rowsWith({}, folded);
    expect(rows.length).toBe(3);
    const repeat = rows.repeats.get(1);
    expect(repeat?.spans.length).toBe(37);
    expect(repeat?.name).toBe("get …");
    expect(repeat?.sumNanos).toBe(185);
    expect(repeat?.errorCount).toBe(1);
    expect(
      rowOf(
        rows,
        folded.spans.findIndex((one) => one.name === "get 30"),
      ),
    ).toBe(1);
  });

  test("open again, together, one step deeper", () => {
    const rows = rowsWith({ unfolded: new Set([1]) }, folded);
    expect(rows.length).toBe(40);
    expect([...rows.depths.slice(0, 4)]).toEqual([0, 1, 2, 2]);
    expect(rows.spans[1]).toBe(rows.spans[2]);
    expect(rowOf(rows, rows.spans[1])).toBe(2);
  });

  test("are left alone below four, or when switched off", () => {
    expect(rowsWith({ isFolding: false }, folded).length).toBe(39);
    const three = buildTrace([span({ id: "a", to: 1000 }), ...calls(3)], NOW);
    expect(rowsWith({}, three).length).toBe(4);
  });

  test("a selected span opens the repeat that hides it, but not its own first", () => {
    const choices = { collapsed: new Set<number>(), unfolded: new Set<number>(), isFolding: true };
    const inside = folded.spans.findIndex((one) => one.name === "get 30");
    expect([...revealed(folded, choices, inside).unfolded]).toEqual([1]);
    expect(revealed(folded, choices, 1).unfolded).toBe(choices.unfolded);
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
