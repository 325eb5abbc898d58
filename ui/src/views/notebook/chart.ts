// A chart of series over time, in a file of its own that is loaded with the first chart.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { MetricSeries } from "../../api/metrics.ts";
import type { Theme } from "../../render/theme.ts";

export interface Chart {
  readonly resize: (width: number) => void;
  readonly destroy: () => void;
}

export interface ChartOptions {
  readonly parent: HTMLElement;
  readonly series: readonly MetricSeries[];
  /** One a series. */
  readonly colours: readonly string[];
  readonly theme: Theme;
  readonly width: number;
  readonly format: (value: number) => string;
  /** Tells a stretch of time that somebody dragged over; Unix seconds. */
  readonly onRange: (start: number, end: number) => void;
  /** Tells which points the pointer is at; null when it went. */
  readonly onPoint: (at: number | null) => void;
}

const HEIGHT = 220;

export function drawChart(options: ChartOptions): Chart {
  const { theme, series } = options;
  const font = `11px ${theme.font}`;
  const axis = {
    stroke: theme.textMuted,
    font,
    grid: { stroke: theme.line, width: 1 },
    ticks: { show: false },
  };
  const plot = new uPlot(
    {
      width: options.width,
      height: HEIGHT,
      legend: { show: false },
      cursor: {
        y: false,
        points: { size: 7 },
        drag: { x: true, y: false, setScale: false },
      },
      padding: [12, 8, 0, 0],
      axes: [
        {
          ...axis,
          space: 80,
          size: 30,
          values: (_, times, __, ___, step) => times.map((time) => tick(time, step)),
        },
        {
          ...axis,
          size: 62,
          values: (_, values) => values.map((value) => options.format(value)),
        },
      ],
      scales: {
        y: { range: (_, least, most) => [Math.min(0, least), most > 0 ? most * 1.06 : 1] },
      },
      series: [
        {},
        ...series.map((_, at) => ({
          stroke: options.colours[at],
          width: 1.5,
          points: { show: false },
        })),
      ],
      hooks: {
        setSelect: [
          (chart) => {
            const { left, width } = chart.select;
            if (width < 4) return;
            options.onRange(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
            chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
        setCursor: [(chart) => options.onPoint(chart.cursor.idx ?? null)],
      },
    },
    aligned(series),
    options.parent,
  );
  return {
    resize: (width) => plot.setSize({ width, height: HEIGHT }),
    destroy: () => plot.destroy(),
  };
}

/** As exact as the distance of the ticks: a day, a minute or a second, in the viewer's zone. */
function tick(seconds: number, step: number): string {
  const date = new Date(seconds * 1000);
  const two = (number: number) => String(number).padStart(2, "0");
  if (step >= 86_400)
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return step >= 60 ? clock : `${clock}:${two(date.getSeconds())}`;
}

/** Times of all series once, and each series' values at them. */
function aligned(series: readonly MetricSeries[]): uPlot.AlignedData {
  const times = [...new Set(series.flatMap(({ points }) => points.map((one) => one.atMillis)))];
  times.sort((a, b) => a - b);
  const place = new Map(times.map((time, at) => [time, at]));
  const columns = series.map(({ points }) => {
    const values = new Array<number | null>(times.length).fill(null);
    for (const { atMillis, value } of points) {
      const at = place.get(atMillis);
      if (at !== undefined && Number.isFinite(value)) values[at] = value;
    }
    return values;
  });
  return [times.map((time) => time / 1000), ...columns];
}
