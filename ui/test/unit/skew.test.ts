import { describe, expect, test } from "vitest";
import { correctedSpans, findSkew } from "../../src/model/skew.ts";
import { buildTrace } from "../../src/model/trace.ts";
import { Oddity } from "../../src/model/tree.ts";
import { NOW, type SpanSketch, span } from "./sketch.ts";

const MILLI = 1e6;
const traceOf = (...sketches: SpanSketch[]) => buildTrace(sketches.map(span), NOW);
const call = (early: number): SpanSketch[] => [
  { id: "a", service: "web", from: 100 * MILLI, to: 200 * MILLI, kind: "client" },
  {
    id: "b",
    parent: "a",
    service: "bank",
    from: (100 - early) * MILLI,
    to: (180 - early) * MILLI,
    kind: "server",
  },
  { id: "c", parent: "b", service: "bank", from: (110 - early) * MILLI, to: 170 * MILLI },
];

describe("clock skew", () => {
  test("is not seen where calls lie within their callers", () => {
    const { clocks, shift } = findSkew(traceOf(...call(0)));
    expect(clocks).toEqual([]);
    expect([...shift]).toEqual([0, 0, 0]);
  });

  test("is told by clock, and moves the callee to the middle with all its own spans", () => {
    const trace = traceOf(...call(50));
    const skew = findSkew(trace);
    expect(skew.clocks.map(({ name, aheadNanos }) => [name, aheadNanos])).toEqual([
      ["bank", -60 * MILLI],
    ]);
    const moved = buildTrace(correctedSpans(trace, skew), NOW);
    expect([...moved.offset].map((nanos) => nanos / MILLI)).toEqual([0, 10, 20]);
    expect(findSkew(moved).clocks).toEqual([]);
  });

  test("a message that is read later is no skew", () => {
    const trace = traceOf(
      { id: "a", service: "web", to: 10 * MILLI, kind: "producer" },
      {
        id: "b",
        parent: "a",
        service: "mail",
        from: 50 * MILLI,
        to: 60 * MILLI,
        kind: "consumer",
      },
    );
    expect(findSkew(trace).clocks).toEqual([]);
  });
});

describe("shared span IDs", () => {
  const trace = traceOf(
    { id: "1", service: "web", to: 100, name: "root" },
    { id: "2", parent: "1", service: "web", from: 10, to: 90, kind: "client", name: "call" },
    { id: "2", parent: "1", service: "bank", from: 20, to: 80, kind: "server", name: "serve" },
    { id: "3", parent: "2", service: "bank", from: 30, to: 40, name: "query" },
    { id: "4", parent: "2", service: "web", from: 11, to: 12, name: "connect" },
  );
  const parentOf = (name: string) => {
    const index = trace.spans.findIndex((one) => one.name === name);
    return trace.spans[trace.parent[index]]?.name;
  };

  test("put the callee below its caller", () => {
    expect(parentOf("serve")).toBe("call");
    expect(parentOf("query")).toBe("serve");
    expect(parentOf("connect")).toBe("call");
    const serve = trace.spans.findIndex((one) => one.name === "serve");
    expect(trace.oddities[serve] & Oddity.SharedId).toBe(Oddity.SharedId);
    expect(trace.oddities[serve] & Oddity.DoubledId).toBe(0);
  });
});

test("a span without a start is drawn at its parent's", () => {
  const trace = buildTrace(
    [
      span({ id: "1", from: 0, to: 100 }),
      span({ id: "2", parent: "1", from: 40, to: 60 }),
      span({ id: "3", parent: "2", isUntimed: true }),
    ],
    NOW,
  );
  expect([...trace.offset]).toEqual([0, 40, 40]);
  expect(trace.oddities[2] & Oddity.TimeMissing).toBe(Oddity.TimeMissing);
});
