// Durations as a small histogram with logarithmic steps, and where one of them stands among them.

export interface Distribution {
  readonly count: number;
  /** Sorted, nanoseconds. */
  readonly sorted: Float64Array;
}

export function distributionOf(nanos: Iterable<number>): Distribution {
  const sorted = Float64Array.from(nanos).sort();
  return { count: sorted.length, sorted };
}

/** The share, 0 to 1, of durations that are at most this long. */
export function rankOf(distribution: Distribution, nanos: number): number {
  let [low, high] = [0, distribution.sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (distribution.sorted[middle] <= nanos) low = middle + 1;
    else high = middle;
  }
  return distribution.count === 0 ? 0 : low / distribution.count;
}

export interface Bars {
  readonly counts: readonly number[];
  readonly fromNanos: number;
  readonly toNanos: number;
}

/** Counts in `steps` logarithmic steps from the shortest to the longest of all that is given. */
export function logBars(
  distribution: Distribution,
  steps: number,
  bounds: { readonly fromNanos: number; readonly toNanos: number },
): Bars {
  const counts = new Array<number>(steps).fill(0);
  for (const nanos of distribution.sorted) counts[stepOf(nanos, steps, bounds)] += 1;
  return { counts, ...bounds };
}

export function stepOf(
  nanos: number,
  steps: number,
  bounds: { readonly fromNanos: number; readonly toNanos: number },
): number {
  const low = Math.log(Math.max(1, bounds.fromNanos));
  const high = Math.log(Math.max(2, bounds.toNanos));
  const share = (Math.log(Math.max(1, nanos)) - low) / Math.max(1e-9, high - low);
  return Math.min(steps - 1, Math.max(0, Math.floor(share * steps)));
}
