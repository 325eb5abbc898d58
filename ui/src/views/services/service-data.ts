import { signal } from "@preact/signals";
import { fetchMetrics, type MetricSeries } from "../../api/metrics.ts";
import { fetchServiceGraph, type ServiceGraph } from "../../api/service-graph.ts";
import { fetchServiceFigures, fetchServices, type Service } from "../../api/services.ts";
import { type Result, success } from "../../base/result.ts";
import { joinedEdges } from "../../model/service-map.ts";
import { bounds, type TimeRange } from "../../model/time-range.ts";
import { Resource } from "../../state/resource.ts";
import { meetServices } from "../../state/services.ts";

const POINTS = 40;
/** Requests that fill less of the range than this are looked at more closely. */
const CROWDED_SHARE = 0.5;
const ASKED = "kind = server || kind = consumer";
const BY = "by (resource.service.name)";

/** Unix seconds. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

export const figures = new Resource<readonly Service[]>();
export const rates = new Resource<readonly MetricSeries[]>();
export const errors = new Resource<readonly MetricSeries[]>();
export const slow = new Resource<readonly MetricSeries[]>();
export const graph = new Resource<ServiceGraph>();
/**
 * The part of the range that has requests, and that the figures are of. The rate of a service that began five minutes
 * ago is not what it did in these minutes, spread over an hour.
 */
export const usedStretch = signal<Stretch | null>(null);
let asked = 0;

export async function loadServiceFigures(range: TimeRange): Promise<void> {
  const whole = bounds(range, Date.now());
  const key = JSON.stringify(range);
  const own = ++asked;
  usedStretch.value = null;
  let used: Stretch = whole;
  await rates.load(key, async (signal) => {
    const ask = (stretch: Stretch) => overTime(`{ ${ASKED} } | rate() ${BY}`, stretch, signal);
    const found = await ask(whole);
    if (!found.ok) return found;
    used = usedPart(found.value, whole);
    return used === whole ? found : ask(used);
  });
  // Another range was chosen meanwhile.
  if (own !== asked) return;
  usedStretch.value = used;
  void figures.load(key, (signal) => fetchFigures(used, signal));
  void errors.load(key, (signal) =>
    overTime(`{ (${ASKED}) && status = error } | rate() ${BY}`, used, signal),
  );
  void slow.load(key, (signal) =>
    overTime(`{ ${ASKED} } | quantile_over_time(duration, .5, .95, .99) ${BY}`, used, signal),
  );
}

function overTime(query: string, { start, end }: Stretch, signal: AbortSignal) {
  const stepSeconds = Math.max(1, Math.ceil((end - start) / POINTS));
  return fetchMetrics({ query, startSeconds: start, endSeconds: end, stepSeconds }, signal);
}

/** The range itself where most of it has requests. */
export function usedPart(series: readonly MetricSeries[], whole: Stretch): Stretch {
  const first = Math.min(
    ...series.map(
      ({ points }) => points.find(({ value }) => value > 0)?.atMillis ?? Number.POSITIVE_INFINITY,
    ),
  );
  const start = Math.floor(first / 1000) - Math.ceil((whole.end - whole.start) / POINTS);
  const isCrowded = whole.end - start < (whole.end - whole.start) * CROWDED_SHARE;
  return Number.isFinite(start) && isCrowded ? { start, end: whole.end } : whole;
}

async function fetchFigures(
  stretch: Stretch,
  signal: AbortSignal,
): Promise<Result<readonly Service[]>> {
  const found = await fetchServiceFigures(stretch, signal);
  if (found.ok || found.failure.status === 0) return found;
  // A list without figures is better than none.
  const names = await fetchServices(signal);
  return names.ok ? success(names.value.map(withoutFigures)) : found;
}

const withoutFigures = (name: string): Service => ({
  name,
  ratePerSecond: 0,
  errorRatePerSecond: 0,
  p50Nanos: null,
  p95Nanos: null,
  p99Nanos: null,
});

/** Of the same part of the range as the figures, so that both say the same rates. */
export function loadServiceGraph(range: TimeRange): void {
  const { start, end } = usedStretch.peek() ?? bounds(range, Date.now());
  void graph.load(JSON.stringify(range), async (signal) => {
    const found = await fetchServiceGraph(start, end, signal);
    if (!found.ok) return found;
    meetServices(found.value.nodes.map(({ name }) => name));
    return success({ ...found.value, edges: joinedEdges(found.value.edges) });
  });
}

/** The values of one service's series over time. */
export function valuesOf(
  series: readonly MetricSeries[] | null,
  service: string,
): readonly number[] {
  const found = series?.find(({ labels }) => labels["resource.service.name"] === service);
  return found?.points.map((point) => point.value) ?? [];
}

/** The same without the last step, which is not over yet and seems to fall. */
export function valuesSoFar(
  series: readonly MetricSeries[] | null,
  service: string,
): readonly number[] {
  const values = valuesOf(series, service);
  return values.length > POINTS / 4 ? values.slice(0, -1) : values;
}

/** Those of one quantile; where nothing was asked there is no duration, and no zero either. */
export function quantileOf(
  series: readonly MetricSeries[] | null,
  service: string,
  quantile: number,
): readonly number[] {
  const own = series?.filter(({ labels }) => Number(labels.p) === quantile) ?? [];
  return valuesSoFar(own, service).map((value) => (value > 0 ? value : Number.NaN));
}
