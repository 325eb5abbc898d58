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
