import { fetchMetrics, type MetricSeries } from "../../api/metrics.ts";
import { fetchServiceGraph, type ServiceGraph } from "../../api/service-graph.ts";
import { fetchServiceFigures, fetchServices, type Service } from "../../api/services.ts";
import { success } from "../../base/result.ts";
import { joinedEdges } from "../../model/service-map.ts";
import { bounds, type TimeRange } from "../../model/time-range.ts";
import { Resource } from "../../state/resource.ts";
import { meetServices } from "../../state/services.ts";

const POINTS = 40;
const ASKED = "kind = server || kind = consumer";

export const figures = new Resource<readonly Service[]>();
export const rates = new Resource<readonly MetricSeries[]>();
export const errors = new Resource<readonly MetricSeries[]>();
export const slow = new Resource<readonly MetricSeries[]>();
export const graph = new Resource<ServiceGraph>();

export function loadServiceFigures(range: TimeRange): void {
  const { start, end } = bounds(range, Date.now());
  const key = JSON.stringify(range);
  const by = "by (resource.service.name)";
  const ask = (query: string) => ({
    query,
    startSeconds: start,
    endSeconds: end,
    stepSeconds: Math.max(1, Math.ceil((end - start) / POINTS)),
  });
  void figures.load(key, async (signal) => {
    const found = await fetchServiceFigures({ start, end }, signal);
    if (found.ok || found.failure.status === 0) return found;
    // A list without figures is better than none.
    const names = await fetchServices(signal);
    return names.ok ? success(names.value.map(withoutFigures)) : found;
  });
  void rates.load(key, (signal) => fetchMetrics(ask(`{ ${ASKED} } | rate() ${by}`), signal));
  void errors.load(key, (signal) =>
    fetchMetrics(ask(`{ (${ASKED}) && status = error } | rate() ${by}`), signal),
  );
  void slow.load(key, (signal) =>
    fetchMetrics(ask(`{ ${ASKED} } | quantile_over_time(duration, .5, .95, .99) ${by}`), signal),
  );
}

const withoutFigures = (name: string): Service => ({
  name,
  ratePerSecond: 0,
  errorRatePerSecond: 0,
  p50Nanos: null,
  p90Nanos: null,
  p99Nanos: null,
});

export function loadServiceGraph(range: TimeRange): void {
  const { start, end } = bounds(range, Date.now());
  void graph.load(JSON.stringify(range), async (signal) => {
    const found = await fetchServiceGraph(start, end, signal);
    if (!found.ok) return found;
    meetServices(found.value.nodes.map(({ name }) => name));
    return success({ ...found.value, edges: joinedEdges(found.value.edges) });
  });
}

/** The values of one service's series, by quantile where there are several. */
export function valuesOf(
  series: readonly MetricSeries[] | null,
  service: string,
  quantile?: string,
): readonly number[] {
  const found = series?.find(
    ({ labels }) =>
      labels["resource.service.name"] === service &&
      (quantile === undefined || Number(labels.p) === Number(quantile)),
  );
  return found?.points.map((point) => point.value) ?? [];
}
