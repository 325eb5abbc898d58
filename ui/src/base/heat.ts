// Counts by time and value: of spans by duration, of exemplars by what their metric measures.

export interface Heat {
  readonly fromMillis: number;
  readonly toMillis: number;
  readonly columns: number;
  /** Upper bounds of the rows, rising; durations in nanoseconds. A row begins where the one below it ends. */
  readonly bounds: readonly number[];
  /** Row by row, the lowest first. */
  readonly counts: Float64Array;
  readonly total: number;
  readonly highest: number;
}

export interface HeatPoint {
  /** The end of its column. */
  readonly atMillis: number;
  /** Upper bound of the row. */
  readonly bound: number;
  readonly count: number;
}

/** More rows would be thinner than a line of text is high. */
const ROWS_MAX = 40;

/** Rows that nobody has are left out at both ends, so that the picture is filled. */
export function heatOf(
  points: readonly HeatPoint[],
  fromMillis: number,
  toMillis: number,
  stepMillis: number,
): Heat {
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (const { bound, count } of points) {
    if (count <= 0 || bound <= 0) continue;
    low = Math.min(low, bound);
    high = Math.max(high, bound);
  }
  // Steps of two, or finer where the server is: the picture keeps one ratio between its rows.
  const ratio = Math.max(finestRatio(points), (high / low) ** (1 / ROWS_MAX));
  const rows = high > 0 ? Math.max(1, Math.round(Math.log(high / low) / Math.log(ratio)) + 1) : 0;
  const bounds = Array.from({ length: rows }, (_, row) => low * ratio ** row);
  const columns = Math.max(1, Math.round((toMillis - fromMillis) / stepMillis));
  const counts = new Float64Array(columns * rows);
  let total = 0;
  let highest = 0;
  for (const { atMillis, bound, count } of points) {
    if (count <= 0 || bound <= 0) continue;
    const row = Math.min(rows - 1, Math.round(Math.log(bound / low) / Math.log(ratio)));
    const column = Math.ceil((atMillis - fromMillis) / stepMillis) - 1;
    if (column < 0 || column >= columns) continue;
    counts[row * columns + column] += count;
    total += count;
    highest = Math.max(highest, counts[row * columns + column]);
  }
  return { fromMillis, toMillis, columns, bounds, counts, total, highest };
}

/** The smallest step between two bounds that follow each other; 2 where there is but one. */
function finestRatio(points: readonly HeatPoint[]): number {
  const bounds = [...new Set(points.map((point) => point.bound))]
    .filter((bound) => bound > 0)
    .sort((a, b) => a - b);
  let ratio = 2;
  for (let i = 1; i < bounds.length; i++) ratio = Math.min(ratio, bounds[i] / bounds[i - 1]);
  return Math.max(1.05, ratio);
}

/** All columns together: how many there are of each duration. */
export function rowSums(heat: Heat): readonly number[] {
  return heat.bounds.map((_, row) => {
    let sum = 0;
    for (let column = 0; column < heat.columns; column++) {
      sum += heat.counts[row * heat.columns + column];
    }
    return sum;
  });
}

/** A picture that is used less than this is looked at more closely. */
const CROWDED_SHARE = 0.5;

/** When the first count stands; null where there is none. */
export function usedFrom(heat: Heat): number | null {
  for (let column = 0; column < heat.columns; column++) {
    if (!heat.bounds.some((_, row) => heat.counts[row * heat.columns + column] > 0)) continue;
    return heat.fromMillis + (column / heat.columns) * (heat.toMillis - heat.fromMillis);
  }
  return null;
}

/** The same, but only where all of them crowd at the end of the time. */
export function crowdedFrom(heat: Heat): number | null {
  const from = usedFrom(heat);
  const length = heat.toMillis - heat.fromMillis;
  return from !== null && heat.toMillis - from <= length * CROWDED_SHARE ? from : null;
}
