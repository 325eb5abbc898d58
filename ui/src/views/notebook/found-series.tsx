import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { fetchMetrics, type MetricSeries } from "../../api/metrics.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import { bounds, type TimeRange } from "../../model/time-range.ts";
import type { Theme } from "../../render/theme.ts";
import { Resource } from "../../state/resource.ts";
import { colourOf, meetServices } from "../../state/services.ts";
import { theme } from "../../state/theme.ts";
import { useSize } from "../parts/hooks.ts";
import { Answer } from "./answer.tsx";
import type { Chart } from "./chart.ts";

const POINTS = 120;
/** More lines than this cannot be told apart; the largest are drawn. */
const SERIES_SHOWN = 12;

/** Series over time as a chart, with a legend that tells the values at the pointer. */
export function FoundSeries(props: {
  readonly query: string;
  readonly range: TimeRange;
  readonly runs: number;
  readonly onRange: (range: TimeRange) => void;
}) {
  const { query, range } = props;
  const found = useMemo(() => new Resource<readonly MetricSeries[]>(), []);
  const key = JSON.stringify([query, range]);
  const load = () =>
    void found.load(key, async (signal) => {
      const { start, end } = bounds(range, Date.now());
      const stepSeconds = Math.max(1, Math.ceil((end - start) / POINTS));
      const asked = { query, startSeconds: start, endSeconds: end, stepSeconds };
      const result = await fetchMetrics(asked, signal);
      if (result.ok) {
        meetServices(result.value.flatMap(({ labels }) => labels["resource.service.name"] ?? []));
      }
      return result;
    });
  useEffect(() => {
    load();
    return () => found.stop();
  }, [key, props.runs]);
  return (
    <Answer state={found.state.value} onRetry={load} isEmpty={(series) => series.length === 0}>
      {(series) => (
        <SeriesChart
          series={series}
          isDuration={/duration/i.test(query.replace(/\{[^}]*\}/g, ""))}
          onRange={props.onRange}
        />
      )}
    </Answer>
  );
}

function SeriesChart(props: {
  readonly series: readonly MetricSeries[];
  /** The values are seconds. */
  readonly isDuration: boolean;
  readonly onRange: (range: TimeRange) => void;
}) {
  const shown = useMemo(() => largest(props.series), [props.series]);
  const names = useMemo(() => seriesNames(shown), [shown]);
  const colours = shown.map((series, at) => seriesColour(series, at, theme.value));
  const [frame, size] = useSize<HTMLDivElement>();
  const chart = useRef<Chart | null>(null);
  const [pointer, setPointer] = useState<number | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const now = theme.value;
  const format = (value: number) =>
    props.isDuration ? (value === 0 ? "0" : formatDuration(value * 1e9)) : formatValue(value);
  const isReady = size.width > 0;
  useEffect(() => {
    let isGone = false;
    import("./chart.ts").then(
      ({ drawChart }) => {
        if (isGone || !frame.current) return;
        chart.current = drawChart({
          parent: frame.current,
          series: shown,
          colours,
          theme: now,
          width: frame.current.clientWidth,
          format,
          onRange: (start, end) =>
            latest.current.onRange({
              kind: "between",
              startSeconds: Math.floor(start),
              endSeconds: Math.ceil(end),
            }),
          onPoint: setPointer,
        });
      },
      () => {
        // The legend with the newest values stays.
      },
    );
    return () => {
      isGone = true;
      chart.current?.destroy();
      chart.current = null;
    };
  }, [shown, now, isReady]);
  useEffect(() => {
    if (size.width > 0) chart.current?.resize(size.width);
  }, [size.width]);
  const more = props.series.length - shown.length;
  return (
    <>
      <div
        class="chart"
        ref={frame}
        role="img"
        aria-label={say("foundSeries.chartOf", { join: names.join(", ") })}
      />
      <ul class="legend">
        {shown.map((series, at) => (
          <li key={names[at]}>
            <span class="swatch" style={{ background: colours[at] }} aria-hidden="true" />
            <span class="ellipsis">{names[at]}</span>
            {pointer !== null && (
              <strong class="number">{format(series.points[pointer]?.value ?? 0)}</strong>
            )}
          </li>
        ))}
        {more > 0 && (
          <li class="muted">
            {say("foundSeries.notDrawn", { series: counted(more, "smallerSeries") })}
          </li>
        )}
      </ul>
    </>
  );
}

function largest(series: readonly MetricSeries[]): readonly MetricSeries[] {
  if (series.length <= SERIES_SHOWN) return series;
  const sum = ({ points }: MetricSeries) => points.reduce((total, point) => total + point.value, 0);
  return [...series].sort((a, b) => sum(b) - sum(a)).slice(0, SERIES_SHOWN);
}

/** The labels in which the series differ; of one alone, all that it has. */
function seriesNames(series: readonly MetricSeries[]): readonly string[] {
  const keys = [...new Set(series.flatMap(({ labels }) => Object.keys(labels)))];
  const telling = keys.filter(
    (key) => series.length === 1 || new Set(series.map(({ labels }) => labels[key])).size > 1,
  );
  return series.map(({ labels }) => {
    const words = telling
      .filter((key) => labels[key] !== undefined)
      .map((key) => (key === "p" ? `p${Number(labels[key]) * 100}` : labels[key]));
    return words.join(" · ") || "all";
  });
}

/** A service has its colour on every page; other series have those of the palette in turn. */
function seriesColour({ labels }: MetricSeries, at: number, { services }: Theme): string {
  const service = labels["resource.service.name"];
  return services[service === undefined ? at % services.length : colourOf(service)];
}

function formatValue(value: number): string {
  if (value === 0) return "0";
  return Math.abs(value) >= 1000
    ? value.toLocaleString("en", { maximumFractionDigits: 0 })
    : String(Number(value.toPrecision(3)));
}
