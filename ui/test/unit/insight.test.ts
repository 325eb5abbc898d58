// What a reader sees first: one line an operation, whatever its names hold of numbers, wherever it is called.

import { describe, expect, test } from "vitest";
import { criticalPath } from "../../src/model/critical-path.ts";
import { traceInsight } from "../../src/model/insight.ts";
import { agreedExtent, findSkew } from "../../src/model/skew.ts";
import { buildTrace } from "../../src/model/trace.ts";
import { NOW, type SpanSketch, span } from "./sketch.ts";

const traceOf = (...sketches: SpanSketch[]) => buildTrace(sketches.map(span), NOW);
const insightOf = (...sketches: SpanSketch[]) => {
  const trace = traceOf(...sketches);
  return traceInsight(trace, criticalPath(trace, 0));
};
const hex = (id: number) => id.toString(16);

describe("the insight of a trace", () => {
  test("sums the time of names that differ in digits only", () => {
    const { byOperation } = insightOf(
      { id: "1", name: "list", to: 1000 },
      ...Array.from({ length: 9 }, (_, i) => ({
        id: hex(i + 2),
        parent: "1",
        name: `SELECT ${i}`,
        service: "db",
        from: i * 100,
        to: i * 100 + 90,
      })),
    );
    expect(byOperation.map(({ name, nanos, count }) => [name, nanos, count])).toEqual([
      ["SELECT …", 810, 9],
      ["list", 190, 1],
    ]);
  });

  test("counts a repeat once, wherever it is called from", () => {
    const loop = (parent: string, first: number): SpanSketch[] =>
      Array.from({ length: 5 }, (_, i) => ({
        id: hex(first + i),
        parent,
        name: "HGET",
        service: "redis",
        from: i * 10,
        to: i * 10 + 4,
        isError: first === 100 && i === 0,
      }));
    const { repeats } = insightOf(
      { id: "1", name: "a", to: 100 },
      { id: "2", parent: "1", name: "b", to: 50 },
      { id: "3", parent: "1", name: "c", from: 50, to: 100 },
      ...loop("2", 100),
      ...loop("3", 200),
    );
    expect(repeats).toMatchObject([
      { name: "HGET", spanCount: 10, placeCount: 2, sumNanos: 40, errorCount: 1 },
    ]);
  });

  test("names a loop of calls before calls side by side, whose sum is larger", () => {
    const call = (id: number, name: string, from: number, to: number): SpanSketch => ({
      id: hex(id),
      parent: "1",
      name,
      from,
      to,
    });
    const { repeats } = insightOf(
      { id: "1", name: "report", to: 4000 },
      ...Array.from({ length: 30 }, (_, i) => call(i + 2, "SELECT", i * 100, i * 100 + 90)),
      ...Array.from({ length: 12 }, (_, i) => call(i + 50, "lookup", 3100 + i, 3700 + i)),
    );
    expect(
      repeats.map(({ name, sumNanos, coveredNanos }) => [name, sumNanos, coveredNanos]),
    ).toEqual([
      ["SELECT", 2700, 2700],
      ["lookup", 7200, 611],
    ]);
  });

  test("names each reason of failure once, the first to end first", () => {
    const { origins } = insightOf(
      { id: "1", name: "pay", to: 100, isError: true },
      { id: "2", parent: "1", name: "charge 1", service: "bank", to: 40, isError: true },
      { id: "3", parent: "1", name: "charge 2", service: "bank", from: 50, to: 90, isError: true },
      { id: "4", parent: "1", name: "mail", service: "mail", to: 30, isError: true },
    );
    expect(origins.map(({ service, name, count }) => [service, name, count])).toEqual([
      ["mail", "mail", 1],
      ["bank", "charge …", 2],
    ]);
  });
});

describe("a clock that is far off", () => {
  const pay = (ahead: number) =>
    traceOf(
      { id: "1", name: "pay", to: 1e8, kind: "client" },
      {
        id: "2",
        parent: "1",
        name: "charge",
        service: "bank",
        from: 1e7 + ahead,
        to: 9e7 + ahead,
        kind: "server",
      },
    );

  test("does not squeeze the spans whose clocks agree", () => {
    const trace = pay(4e10);
    expect(agreedExtent(trace, findSkew(trace))).toEqual({ from: 0, to: 1e8 });
  });

  test("changes nothing where it stretches the trace by little, or not at all", () => {
    for (const trace of [pay(0), pay(3e7)]) {
      expect(agreedExtent(trace, findSkew(trace))).toBeNull();
    }
  });
});
