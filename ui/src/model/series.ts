export type Labels = Readonly<Record<string, string>>;

/** `http_requests_total{job="shop",le="0.5"}`, labels sorted, as Prometheus writes it. */
export function seriesName(labels: Labels): string {
  const name = labels.__name__ ?? "";
  const rest = labelPairs(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return rest.length === 0 ? name || "{}" : `${name}{${rest.join(",")}}`;
}

/** Labels without the metric's name, sorted. */
export function labelPairs(labels: Labels): readonly (readonly [string, string])[] {
  return Object.entries(labels)
    .filter(([key]) => key !== "__name__")
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** PromQL that draws what a series says: a rate of a counter, a quantile of a histogram, else the series itself. */
export function seriesQuery(labels: Labels): string {
  const name = labels.__name__ ?? "";
  if (name.endsWith("_bucket") && labels.le !== undefined) {
    const { le: _, ...others } = labels;
    return `histogram_quantile(0.99, sum by (le) (rate(${seriesName(others)}[5m])))`;
  }
  return /_(total|count|sum)$/.test(name) ? `rate(${seriesName(labels)}[5m])` : seriesName(labels);
}
