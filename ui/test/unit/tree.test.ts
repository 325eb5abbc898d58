import { describe, expect, test } from "vitest";
import {
  buildTrace,
  childrenOf,
  durationText,
  mainRoot,
  rootsOf,
  type Trace,
} from "../../src/model/trace.ts";
import { Oddity } from "../../src/model/tree.ts";
import { NOW, type SpanSketch, START, span } from "./sketch.ts";

const build = (...sketches: readonly SpanSketch[]) => buildTrace(sketches.map(span), NOW);

/** The tree as indented names. */
function outline(trace: Trace): string {
  return trace.spans.map((one, i) => `${"  ".repeat(trace.depth[i])}${one.name}`).join("\n");
}

describe("the order of spans", () => {
  test("a parent comes before its children, siblings by start", () => {
    const trace = build(
      { id: "c", parent: "a", from: 50 },
      { id: "d", parent: "b", from: 20 },
      { id: "b", parent: "a", from: 10 },
      { id: "a", from: 0, to: 100 },
    );
    expect(outline(trace)).toBe("a\n  b\n    d\n  c");
    expect([...trace.subtreeSize]).toEqual([4, 2, 1, 1]);
    expect([...trace.parent]).toEqual([-1, 0, 1, 0]);
    expect(childrenOf(trace, 0)).toEqual([1, 3]);
    expect(trace.depthMax).toBe(3);
    expect(trace.notices).toEqual([]);
  });

  test("of two that start together the longer stands first", () => {
    const trace = build(
      { id: "a", to: 100 },
      { id: "b", parent: "a", from: 5, to: 6 },
      { id: "c", parent: "a", from: 5, to: 90 },
    );
    expect(outline(trace)).toBe("a\n  c\n  b");
  });

  test("several roots stand beside each other", () => {
    const trace = build({ id: "b", from: 9 }, { id: "a", from: 1 });
    expect(rootsOf(trace)).toEqual([0, 1]);
    expect(trace.notices.map((notice) => notice.sentence)).toEqual([
      "This trace has 2 root spans.",
    ]);
  });

  test("no spans at all are a trace too", () => {
    const trace = build();
    expect(trace.spans).toEqual([]);
    expect(mainRoot(trace)).toBe(-1);
    expect(trace.durationNanos).toBe(0);
  });
});

describe("odd parents", () => {
  test("where all parents are missing, the longest span names the trace", () => {
    const trace = build(
      { id: "b", parent: "f0", from: 1, to: 5 },
      { id: "a", parent: "f1", from: 3, to: 90 },
    );
    expect(trace.spans[mainRoot(trace)].name).toBe("a");
  });

  test("a missing parent makes a root, which does not name the trace", () => {
    const trace = build({ id: "b", parent: "f0", from: 1 }, { id: "a", from: 5 });
    expect(outline(trace)).toBe("b\na");
    expect(trace.oddities[0]).toBe(Oddity.ParentMissing);
    expect(trace.spans[mainRoot(trace)].name).toBe("a");
    expect(trace.notices[0].sentence).toContain("1 span named a parent that is not here");
  });

  test("a circle is cut at its earliest span, whatever hangs off it", () => {
    const trace = build(
      { id: "e", parent: "c", from: 0 },
      { id: "a", parent: "c", from: 10 },
      { id: "b", parent: "a", from: 20 },
      { id: "c", parent: "b", from: 30 },
    );
    expect(outline(trace)).toBe("a\n  b\n    c\n      e");
    expect(trace.oddities[0]).toBe(Oddity.Cycle);
    expect(trace.spans.length).toBe(4);
  });

  test("a span that is its own parent is a root", () => {
    const trace = build({ id: "a", parent: "a" });
    expect([...trace.parent]).toEqual([-1]);
    expect(trace.oddities[0]).toBe(Oddity.Cycle);
  });

  test("two circles are two roots", () => {
    const trace = build(
      { id: "a", parent: "b", from: 1 },
      { id: "b", parent: "a", from: 2 },
      { id: "c", parent: "d", from: 3 },
      { id: "d", parent: "c", from: 4 },
    );
    expect(outline(trace)).toBe("a\n  b\nc\n  d");
    expect(trace.notices[0].sentence).toContain("2 circles");
  });

  test("doubled IDs stay both, children go to the first", () => {
    const trace = build(
      { id: "a", name: "first", from: 0, to: 50 },
      { id: "a", name: "second", from: 1, to: 50 },
      { id: "b", parent: "a", from: 2 },
    );
    expect(outline(trace)).toBe("first\n  b\nsecond");
    expect(trace.oddities[2] & Oddity.DoubledId).not.toBe(0);
  });

  test("any parents at all give every span once, after its parent", () => {
    let state = 7;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    for (let round = 0; round < 300; round++) {
      const count = 1 + random(12);
      const sketches = Array.from({ length: count }, (_, i) => ({
        id: (i + 1).toString(16),
        parent: random(4) === 0 ? "" : (1 + random(count + 1)).toString(16),
        name: String(i),
        from: random(50),
      }));
      const trace = build(...sketches);
      const names = trace.spans.map((one) => one.name);
      expect(new Set(names).size, JSON.stringify(sketches)).toBe(count);
      for (let i = 0; i < count; i++) {
        const parent = trace.parent[i];
        expect(parent).toBeLessThan(i);
        if (parent < 0) continue;
        expect(trace.depth[i]).toBe(trace.depth[parent] + 1);
        expect(i).toBeLessThan(parent + trace.subtreeSize[parent]);
        expect(sketches[Number(names[i])].parent).toBe(sketches[Number(names[parent])].id);
      }
    }
  });
});

describe("odd times", () => {
  test("a span that ends before it starts has no length", () => {
    const trace = build({ id: "a", to: 100 }, { id: "b", parent: "a", from: 50, to: 20 });
    expect(trace.duration[1]).toBe(0);
    expect(trace.offset[1]).toBe(50);
    expect(trace.oddities[1]).toBe(Oddity.EndsBeforeStart);
  });

  test("a span without an end has no length, and is not taken for one that ends too early", () => {
    const zero = -Number(START);
    const trace = build({ id: "a", to: 100 }, { id: "b", parent: "a", from: 50, to: zero });
    expect(trace.oddities[1]).toBe(Oddity.EndMissing);
    expect([trace.offset[1], trace.duration[1], durationText(trace, 1)]).toEqual([50, 0, "no end"]);
    expect(trace.notices.map(({ sentence }) => sentence)).toEqual([
      "1 span came without an end; drawn with no length.",
    ]);
  });

  test("a far future does not stretch the picture", () => {
    const year = 365 * 86_400e9;
    const trace = build({ id: "a", to: 100 }, { id: "b", parent: "a", from: year, to: year + 5 });
    expect(trace.durationNanos).toBe(100);
    expect(trace.offset[1]).toBe(100);
    expect(trace.oddities[1]).toBe(Oddity.InFuture | Oddity.OutOfRange);
  });

  test("a clock that is a minute ahead is drawn, and said", () => {
    const trace = build({ id: "a", from: 200e9, to: 201e9 });
    expect(trace.oddities[0]).toBe(Oddity.InFuture);
    expect(trace.durationNanos).toBe(1e9);
  });

  test("times of zero stand at the parent's; where all are zero they are the picture", () => {
    const zero = -Number(START);
    const mixed = build({ id: "a", to: 100 }, { id: "b", parent: "a", from: zero, to: zero });
    expect(mixed.start).toBe(START);
    expect(mixed.oddities[mixed.spans.findIndex((one) => one.name === "b")]).toBe(
      Oddity.TimeMissing,
    );
    const zeros = buildTrace([{ ...span({ id: "a" }), start: 0n, end: 5n } as never], NOW);
    expect(zeros.durationNanos).toBe(5);
  });

  test("nanoseconds stay exact", () => {
    const trace = build({ id: "a", from: 1, to: 4 }, { id: "b", parent: "a", from: 2, to: 3 });
    expect(trace.start).toBe(START + 1n);
    expect([trace.offset[1], trace.duration[1], trace.durationNanos]).toEqual([1, 1, 3]);
  });
});

test("services are summed up with their errors", () => {
  const trace = build(
    { id: "a", service: "web", to: 50 },
    { id: "b", parent: "a", service: "db", isError: true },
    { id: "c", parent: "a", service: "db", from: 20 },
  );
  expect(trace.services).toEqual([
    { name: "web", spanCount: 1, errorCount: 0 },
    { name: "db", spanCount: 2, errorCount: 1 },
  ]);
  expect(trace.errorCount).toBe(1);
});

describe("100,000 spans", () => {
  const COUNT = 100_000;
  /** Measured at 0.3 s on two cores, 1.3 s on busy ones; the bound leaves room for busier ones yet. */
  const BUILD_MAX_MILLIS = 3000;

  test("a bushy tree is built in time", () => {
    const spans = Array.from({ length: COUNT }, (_, i) =>
      span({
        id: (i + 1).toString(16),
        parent: i === 0 ? "" : (Math.floor((i - 1) / 3) + 1).toString(16),
        from: i,
        to: COUNT,
      }),
    );
    // The processor's time, because the clock's is also that of whatever else the machine does.
    const began = process.cpuUsage();
    const trace = buildTrace(spans, NOW);
    const millis = process.cpuUsage(began).user / 1000;
    process.stdout.write(`    tree of ${COUNT} spans: ${millis.toFixed(0)} ms\n`);
    expect(trace.subtreeSize[0]).toBe(COUNT);
    expect(millis).toBeLessThan(BUILD_MAX_MILLIS);
  });

  test("a chain as deep as it is long needs no recursion", () => {
    const spans = Array.from({ length: COUNT }, (_, i) =>
      span({ id: (i + 1).toString(16), parent: i === 0 ? "" : i.toString(16), from: i }),
    );
    const trace = buildTrace(spans, NOW);
    expect(trace.depthMax).toBe(COUNT);
  });

  test("one circle of them all is cut once", () => {
    const spans = Array.from({ length: COUNT }, (_, i) =>
      span({ id: (i + 1).toString(16), parent: (((i + 1) % COUNT) + 1).toString(16), from: i }),
    );
    const trace = buildTrace(spans, NOW);
    expect(rootsOf(trace)).toEqual([0]);
    expect(trace.spans[0].spanId).toBe("0000000000000001");
  });
});
