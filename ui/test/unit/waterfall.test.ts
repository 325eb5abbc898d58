import { describe, expect, test } from "vitest";
import { ALL_ROWS, buildRows } from "../../src/model/rows.ts";
import { buildTrace } from "../../src/model/trace.ts";
import type { Context } from "../../src/render/canvas.ts";
import { drawMinimap } from "../../src/render/minimap.ts";
import { dotAt, type ScatterScene } from "../../src/render/scatter.ts";
import type { Theme } from "../../src/render/theme.ts";
import { drawWaterfall } from "../../src/render/waterfall.ts";
import {
  ROW_HEIGHT,
  RULER_HEIGHT,
  rowAt,
  rowsInSight,
  type WaterfallScene,
} from "../../src/render/waterfall-scene.ts";
import { NOW, span } from "./sketch.ts";

const theme: Theme = {
  name: "light",
  ground: "#ffffff",
  raised: "#f8fafa",
  line: "#e4e9eb",
  lineStrong: "#c9d2d6",
  text: "#182226",
  textMuted: "#566469",
  accent: "#0b6e73",
  error: "#c4262e",
  warn: "#8a5a00",
  exemplar: "#b87800",
  font: "sans-serif",
  services: ["#0d76ad"],
};

interface Recorded {
  readonly calls: (readonly [string, ...unknown[]])[];
  readonly texts: string[];
}

/** A context that writes down what is asked of it. Every letter is 6 pixels wide. */
function recorder(): Context & Recorded {
  const recorded: Recorded = { calls: [], texts: [] };
  return new Proxy(recorded, {
    get(target, key: string) {
      if (key in target) return target[key as keyof Recorded];
      if (key === "measureText") return (text: string) => ({ width: text.length * 6 });
      return (...given: unknown[]) => {
        target.calls.push([key, ...given]);
        if (key === "fillText") target.texts.push(String(given[0]));
      };
    },
    set: () => true,
  }) as unknown as Context & Recorded;
}

const COUNT = 100_000;
const trace = buildTrace(
  Array.from({ length: COUNT }, (_, i) =>
    span({
      id: (i + 1).toString(16),
      parent: i === 0 ? "" : (Math.floor((i - 1) / 4) + 1).toString(16),
      name: `span ${i}`,
      from: i,
      to: COUNT + i,
      isError: i === 1,
    }),
  ),
  NOW,
);

const allRows = buildRows(trace, { ...ALL_ROWS, isFolding: false });

function scene(change: Partial<WaterfallScene> = {}): WaterfallScene {
  return {
    trace,
    rows: allRows,
    zeroNanos: 0,
    path: new Map(),
    lost: [],
    view: { from: 0, to: trace.durationNanos },
    collapsed: new Set(),
    unfolded: new Set(),
    selected: -1,
    selectedRow: -1,
    hoveredRow: -1,
    matches: new Set(),
    isFinding: false,
    exemplars: new Map(),
    colours: [0],
    theme,
    width: 1200,
    height: 600,
    namesWidth: 400,
    scrollTop: 0,
    drag: null,
    ...change,
  };
}

const rowsBelow = (root: number) => buildRows(trace, { ...ALL_ROWS, root });

describe("the waterfall of 100,000 spans", () => {
  test("draws the rows in sight and no others", () => {
    const context = recorder();
    drawWaterfall(context, scene({ scrollTop: 50_000 * ROW_HEIGHT }));
    const names = context.texts.filter((text) => text.startsWith("span "));
    expect(names.length).toBe(Math.ceil((600 - RULER_HEIGHT) / ROW_HEIGHT));
    expect(context.calls.length).toBeLessThan(3000);
  });

  test("a frame costs far less than 16 ms of our own work", () => {
    const rows = allRows;
    const context = recorder();
    drawWaterfall(context, scene({ rows }));
    const began = process.cpuUsage();
    for (let i = 0; i < 20; i++) {
      context.calls.length = 0;
      drawWaterfall(context, scene({ rows, scrollTop: i * 480_00 }));
    }
    const millis = process.cpuUsage(began).user / 1000 / 20;
    process.stdout.write(
      `    frame over ${COUNT} spans, without pixels: ${millis.toFixed(2)} ms\n`,
    );
    expect(millis).toBeLessThan(16);
  });

  test("no bar is wider than the window, however close the zoom", () => {
    const context = recorder();
    drawWaterfall(context, scene({ view: { from: 50_000, to: 50_020 } }));
    const widths = context.calls
      .filter(([name]) => name === "roundRect")
      .map((call) => Number(call[3]));
    expect(widths.length).toBeGreaterThan(10);
    expect(Math.max(...widths)).toBeLessThan(1500);
  });

  test("rows and pixels agree", () => {
    expect(rowAt(RULER_HEIGHT - 1, 0, 10)).toBe(-1);
    expect(rowAt(RULER_HEIGHT, 0, 10)).toBe(0);
    expect(rowAt(RULER_HEIGHT + 1, 5 * ROW_HEIGHT, 10)).toBe(5);
    expect(rowAt(RULER_HEIGHT + 10 * ROW_HEIGHT, 0, 10)).toBe(-1);
    expect(rowsInSight(scene({ rows: rowsBelow(trace.subtreeSize.indexOf(5)) }))).toEqual([0, 2]);
  });

  test("errors are marked on the bar, and exemplars", () => {
    const rows = rowsBelow(trace.spans.findIndex((one) => one.status === "error"));
    const plain = recorder();
    drawWaterfall(plain, scene({ rows }));
    expect(plain.calls.some(([name]) => name === "strokeRect")).toBe(true);
    const strokes = plain.calls.filter(([name]) => name === "closePath").length;
    const marked = recorder();
    const placed = { exemplar: {} as never, series: "m", span: rows.spans[0], offset: 5 };
    drawWaterfall(marked, scene({ rows, exemplars: new Map([[rows.spans[0], [placed]]]) }));
    expect(marked.calls.filter(([name]) => name === "closePath").length).toBe(strokes + 1);
  });
});

test("the minimap draws what can be told apart, and errors below", () => {
  const context = recorder();
  drawMinimap(context, { trace, colours: [0], theme, width: 800, height: 50 });
  const rectangles = context.calls.filter(([name]) => name === "fillRect");
  const [lines, errors] = [
    rectangles.filter((call) => Number(call[2]) < 46),
    rectangles.filter((call) => Number(call[2]) === 46),
  ];
  expect(errors.length).toBe(1);
  expect(lines.length).toBeGreaterThan(trace.depthMax);
  // Some layers at three pixels of each line: not a hundred thousand.
  expect(lines.length).toBeLessThan(3 * trace.depthMax * 801);
  expect(lines.length).toBeLessThan(COUNT / 10);
});

test("a click finds the nearest dot, and none where there is none", () => {
  const dot = (startMillis: number, durationNanos: number) => ({
    startMillis,
    durationNanos,
    colour: 0,
    isError: false,
    spanCount: 5,
  });
  const plot: ScatterScene = {
    dots: [dot(0, 1e6), dot(500, 1e8), dot(1000, 1e6)],
    fromMillis: 0,
    toMillis: 1000,
    hovered: -1,
    theme,
    width: 1000,
    height: 200,
    drag: null,
  };
  expect(dotAt(plot, 62, 170)).toBe(0);
  expect(dotAt(plot, 985, 170)).toBe(2);
  expect(dotAt(plot, 300, 100)).toBe(-1);
});
