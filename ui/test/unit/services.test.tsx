// @vitest-environment happy-dom
// The page of services: what its figures are of, and what its lines leave out.

import { render } from "preact";
import { describe, expect, test } from "vitest";
import { Sparkline } from "../../src/views/parts/sparkline.tsx";
import { quantileOf, usedPart } from "../../src/views/services/service-data.ts";

const labels = { "resource.service.name": "shop" };
const series = (values: readonly number[], more = {}) => [
  {
    labels: { ...labels, ...more },
    points: values.map((value, at) => ({ atMillis: at * 90_000, value })),
  },
];

describe("figures", () => {
  const hour = { start: 0, end: 3600 };

  test("are of the part of the range that has requests", () => {
    const late = series([...Array(36).fill(0), 5, 5, 5, 5]);
    expect(usedPart(late, hour)).toEqual({ start: 36 * 90 - 90, end: 3600 });
    expect(usedPart(series([0, 0, 1, ...Array(37).fill(0)]), hour)).toBe(hour);
    expect(usedPart([], hour)).toBe(hour);
  });

  test("of a quantile have no zero where nothing was asked", () => {
    expect(quantileOf(series([0, 2], { p: "0.95" }), "shop", 0.95)).toEqual([Number.NaN, 2]);
    expect(quantileOf(series([1], { p: "0.5" }), "shop", 0.95)).toEqual([]);
  });
});

test("a line has a gap where a value is lacking", () => {
  const { document } = globalThis;
  const box = document.createElement("div");
  const values = [1, 2, Number.NaN, 3, 4, Number.NaN, 5];
  render(<Sparkline values={values} label="p95" colour="red" />, box);
  const path = box.querySelector("path")?.getAttribute("d") ?? "";
  expect(path.match(/M/g)?.length).toBe(3);
  expect(path).not.toContain("NaN");
  expect(path.endsWith("h1.5")).toBe(true);
});
