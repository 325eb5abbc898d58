import { say } from "../base/say.ts";
/** A stretch of the past, ending now or between two moments (Unix seconds). */
export type TimeRange =
  | { readonly kind: "last"; readonly seconds: number }
  | { readonly kind: "between"; readonly startSeconds: number; readonly endSeconds: number };

export const RANGES_SECONDS: readonly (readonly [number, string])[] = [
  [300, say("timeRange.last5Minutes")],
  [900, say("timeRange.last15Minutes")],
  [3600, say("timeRange.lastHour")],
  [6 * 3600, say("timeRange.last6Hours")],
  [24 * 3600, say("timeRange.last24Hours")],
  [7 * 24 * 3600, say("timeRange.last7Days")],
];

export const DEFAULT_RANGE: TimeRange = { kind: "last", seconds: 3600 };

/** The range as the APIs take it. The end is rounded up so that what just arrived is inside. */
export function bounds(range: TimeRange, nowMillis: number): { start: number; end: number } {
  if (range.kind === "between") return { start: range.startSeconds, end: range.endSeconds };
  const end = Math.ceil(nowMillis / 1000) + 1;
  return { start: end - range.seconds, end };
}

/** `15m`, or two Unix times with a comma. */
export function formatRange(range: TimeRange): string {
  if (range.kind === "between") return `${range.startSeconds},${range.endSeconds}`;
  for (const [unit, seconds] of [
    ["d", 86400],
    ["h", 3600],
    ["m", 60],
  ] as const) {
    if (range.seconds % seconds === 0) return `${range.seconds / seconds}${unit}`;
  }
  return `${range.seconds}s`;
}

/** Null where the text is no range. */
export function parseRange(text: string): TimeRange | null {
  const last = /^(\d{1,6})([smhd])$/.exec(text);
  if (last) {
    const seconds = Number(last[1]) * { s: 1, m: 60, h: 3600, d: 86400 }[last[2] as "s"];
    return seconds > 0 ? { kind: "last", seconds } : null;
  }
  const between = /^(\d{1,11}),(\d{1,11})$/.exec(text);
  if (!between) return null;
  const [startSeconds, endSeconds] = [Number(between[1]), Number(between[2])];
  return endSeconds > startSeconds ? { kind: "between", startSeconds, endSeconds } : null;
}

/** Traces that fill less of the range than this are looked at more closely. */
const CROWDED_SHARE = 0.5;
const FITTED_MILLIS_MIN = 10_000;
const FITTED_MARGIN_SHARE = 0.04;

/**
 * The part of a range that is worth drawing. The newest hundred traces of a busy shop are a few seconds of the
 * last hour: drawn over the hour they are one column, and the empty rest says, wrongly, that nothing was there.
 */
export function fitted(
  range: { readonly fromMillis: number; readonly toMillis: number },
  startsMillis: readonly number[],
): { readonly fromMillis: number; readonly toMillis: number } {
  const inside = startsMillis.filter((at) => at >= range.fromMillis && at <= range.toMillis);
  if (inside.length === 0) return range;
  const [first, last] = [Math.min(...inside), Math.max(...inside)];
  const extent = Math.max(last - first, FITTED_MILLIS_MIN);
  if (extent > CROWDED_SHARE * (range.toMillis - range.fromMillis)) return range;
  const margin = extent * FITTED_MARGIN_SHARE;
  const toMillis = Math.min(range.toMillis, last + margin);
  return { fromMillis: Math.max(range.fromMillis, toMillis - extent - 2 * margin), toMillis };
}
