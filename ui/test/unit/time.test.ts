import { describe, expect, test } from "vitest";
import { spanId, traceId } from "../../src/base/ids.ts";
import {
  formatAgo,
  formatDuration,
  formatOffset,
  millisFromNanos,
  nanosFromMillis,
  nanosFromSeconds,
  parseDuration,
} from "../../src/base/time.ts";
import {
  clampSpan,
  pan,
  tickStep,
  ticks,
  timeScale,
  toTime,
  toX,
  zoom,
} from "../../src/base/timescale.ts";
import { bounds, fitted, formatRange, parseRange } from "../../src/model/time-range.ts";

describe("durations", () => {
  test.each([
    [0, "0 ns"],
    [850, "850 ns"],
    [1_000, "1 µs"],
    [12_340, "12.3 µs"],
    [999_600, "1 ms"],
    [4_560_000, "4.56 ms"],
    [412_000_000, "412 ms"],
    [1_230_000_000, "1.23 s"],
    [59_960_000_000, "1m 00s"],
    [123_000_000_000, "2m 03s"],
    [3_599_700_000_000, "1h 00m"],
    [3_720_000_000_000, "1h 02m"],
    [86_400_000_000_000, "1d 00h"],
    [-5_000, "−5 µs"],
  ])("%d ns is %s", (nanos, text) => {
    expect(formatDuration(nanos)).toBe(text);
  });

  test.each([
    ["10ms", 10e6],
    ["1.5s", 1.5e9],
    ["1h30m", 5400e9],
    ["1 h 30 m", 5400e9],
    ["10us", 10e3],
    ["10µs", 10e3],
    ["7ns", 7],
    ["", null],
    ["10", null],
    ["ms", null],
    ["-1s", null],
    ["1s x", null],
  ])("%s", (text, nanos) => {
    expect(parseDuration(text)).toBe(nanos);
  });
});

test("moments survive the way between units", () => {
  expect(nanosFromSeconds(1766400000.125)).toBe(1766400000125000000n);
  expect(nanosFromMillis(1766400000125)).toBe(1766400000125000000n);
  expect(millisFromNanos(nanosFromMillis(1766400000125))).toBe(1766400000125);
});

test("distances are said in words", () => {
  expect(
    [0, 900, 12_000, 200_000, 7_300_000, 200_000_000].map((ago) => formatAgo(1e12 - ago, 1e12)),
  ).toEqual(["just now", "just now", "12 s ago", "3 min ago", "2 h ago", "2 d ago"]);
  expect(formatAgo(1e12 + 5000, 1e12)).toBe("in 5 s");
});

describe("time to pixels and back", () => {
  const bounded = { from: 0, to: 1000 };

  test("is its own inverse", () => {
    const scale = timeScale({ from: 100, to: 300 }, 50, 400);
    expect(toX(scale, 200)).toBe(250);
    expect(toTime(scale, toX(scale, 123))).toBeCloseTo(123);
  });

  test("zooming keeps the time below the pointer in its place", () => {
    const view = zoom({ from: 200, to: 600 }, 300, 0.5, bounded);
    expect(view).toEqual({ from: 250, to: 450 });
    expect(zoom(view, 300, 100, bounded)).toEqual(bounded);
  });

  test("nothing leaves the trace", () => {
    expect(pan({ from: 100, to: 300 }, -500, bounded)).toEqual({ from: 0, to: 200 });
    expect(pan({ from: 100, to: 300 }, 5000, bounded)).toEqual({ from: 800, to: 1000 });
    expect(clampSpan({ from: 990, to: 990 }, bounded)).toEqual({ from: 980, to: 1000 });
    expect(clampSpan({ from: -5, to: 2000 }, bounded)).toEqual(bounded);
  });

  test("ticks are round and few", () => {
    expect(ticks(timeScale({ from: 0, to: 1e9 }, 0, 550)).map(({ time }) => time)).toEqual([
      0, 2e8, 4e8, 6e8, 8e8, 1e9,
    ]);
    expect(tickStep(3600e9, 6)).toBe(600e9);
    expect(ticks(timeScale({ from: 0, to: 0 }, 0, 500)).length).toBeLessThan(30);
    expect(ticks(timeScale({ from: 0, to: 1e18 }, 0, 1000)).length).toBeLessThan(30);
  });
});

describe("marks of a ruler", () => {
  const labels = (from: number, to: number, zero = 0) =>
    ticks(timeScale({ from, to }, 0, 440), zero).map(({ label }) => label);

  test("differ, however far one has zoomed in", () => {
    expect(labels(3e9, 3.001e9)).toEqual(["3 s", "3.0005 s", "3.001 s"]);
    expect(labels(0, 800)).toEqual(["0", "200 ns", "400 ns", "600 ns", "800 ns"]);
    expect(labels(3_600e9, 3_600.4e9)).toEqual([
      "1h 00m 00.0s",
      "1h 00m 00.1s",
      "1h 00m 00.2s",
      "1h 00m 00.3s",
      "1h 00m 00.4s",
    ]);
    for (const from of [0, 5e3, 7e8, 61e9, 3.7e12, 2.7e14]) {
      for (const length of [1e3, 1e6, 4e9, 9e11]) {
        const found = labels(from, from + length);
        expect(new Set(found).size, `${from} ${length}: ${found}`).toBe(found.length);
      }
    }
  });

  test("are round as counted from where the trace begins", () => {
    const day = 86_400e9;
    expect(labels(3 * day, 3 * day + 800e6, 3 * day)).toEqual([
      "0",
      "200 ms",
      "400 ms",
      "600 ms",
      "800 ms",
    ]);
    expect(labels(0, 40e9, 10e9)).toEqual(["−10 s", "0", "10 s", "20 s", "30 s"]);
  });

  test("long ones have two units", () => {
    expect(labels(0, 4 * 60e9)).toEqual(["0", "1m 00s", "2m 00s", "3m 00s", "4m 00s"]);
    expect(labels(0, 48 * 3600e9)).toEqual(["0", "12h 00m", "1d 00h", "1d 12h", "2d 00h"]);
  });

  test("offsets say before and after", () => {
    expect([0, 1.5e6, -2e9].map(formatOffset)).toEqual(["0", "+1.5 ms", "−2 s"]);
  });
});

describe("ranges", () => {
  test.each(["5m", "15m", "1h", "6h", "7d", "90s", "1700000000,1700000060"])("%s", (text) => {
    const range = parseRange(text);
    expect(range && formatRange(range)).toBe(text);
  });

  test("nonsense is none", () => {
    expect(["", "x", "0m", "5", "20,10", "-1m"].map(parseRange)).toEqual(Array(6).fill(null));
  });

  test("the end is past now, so that what just arrived is inside", () => {
    expect(bounds({ kind: "last", seconds: 60 }, 1_000_500)).toEqual({ start: 942, end: 1002 });
  });
});

test("IDs have one spelling", () => {
  expect(traceId("ABC")).toBe("abc".padStart(32, "0"));
  expect(traceId(`${"0".repeat(40)}1`)).toBe("1".padStart(32, "0"));
  expect([traceId(""), traceId("xyz"), traceId("0"), traceId("1".repeat(33))]).toEqual(
    Array(4).fill(null),
  );
  expect(spanId("1F")).toBe("000000000000001f");
});

describe("the part of a range that is drawn", () => {
  const hour = { fromMillis: 0, toMillis: 3_600_000 };

  test("closes in on traces that stand close together", () => {
    const { fromMillis, toMillis } = fitted(hour, [3_540_000, 3_570_000]);
    expect(fromMillis).toBeGreaterThan(3_530_000);
    expect(fromMillis).toBeLessThan(3_540_000);
    expect(toMillis).toBeGreaterThan(3_570_000);
    expect(toMillis).toBeLessThanOrEqual(hour.toMillis);
  });

  test("never closes in on less than ten seconds", () => {
    const { fromMillis, toMillis } = fitted(hour, [1_000_000]);
    expect(toMillis - fromMillis).toBeGreaterThan(10_000);
  });

  test("is all of it where traces are spread, absent or outside", () => {
    expect(fitted(hour, [0, 3_600_000])).toEqual(hour);
    expect(fitted(hour, [])).toEqual(hour);
    expect(fitted(hour, [-5, 9_000_000])).toEqual(hour);
  });
});
