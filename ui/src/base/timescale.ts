import { DAY, formatMark, HOUR, MINUTE, SECOND } from "./time.ts";

/** A stretch of time in nanoseconds from the start of a trace. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** Below this a zoom step is refused: 20 ns across the whole width is finer than any clock. */
const SPAN_MIN_NANOS = 20;

/** An immutable map between nanoseconds and pixels. */
export interface TimeScale extends TimeSpan {
  readonly left: number;
  readonly width: number;
}

export function timeScale(span: TimeSpan, left: number, width: number): TimeScale {
  const to = span.to > span.from ? span.to : span.from + SPAN_MIN_NANOS;
  return { from: span.from, to, left, width: Math.max(1, width) };
}

export function toX(scale: TimeScale, time: number): number {
  return scale.left + ((time - scale.from) / (scale.to - scale.from)) * scale.width;
}

export function toTime(scale: TimeScale, x: number): number {
  return scale.from + ((x - scale.left) / scale.width) * (scale.to - scale.from);
}

/** Zooms about a fixed time; `factor` below 1 comes closer. Never leaves `bounds`. */
export function zoom(span: TimeSpan, about: number, factor: number, bounds: TimeSpan): TimeSpan {
  return clampSpan(
    { from: about - (about - span.from) * factor, to: about + (span.to - about) * factor },
    bounds,
  );
}

export function pan(span: TimeSpan, by: number, bounds: TimeSpan): TimeSpan {
  const length = span.to - span.from;
  const from = Math.min(
    Math.max(span.from + by, bounds.from),
    Math.max(bounds.from, bounds.to - length),
  );
  return { from, to: Math.min(from + length, Math.max(bounds.to, bounds.from + SPAN_MIN_NANOS)) };
}

export function clampSpan(span: TimeSpan, bounds: TimeSpan): TimeSpan {
  const from = Math.max(bounds.from, Math.min(span.from, bounds.to - SPAN_MIN_NANOS));
  const to = Math.min(
    Math.max(span.to, from + SPAN_MIN_NANOS),
    Math.max(bounds.to, from + SPAN_MIN_NANOS),
  );
  return { from, to };
}

export function isSameSpan(a: TimeSpan, b: TimeSpan): boolean {
  return Math.abs(a.from - b.from) < 0.5 && Math.abs(a.to - b.to) < 0.5;
}

const CALENDAR_STEPS = [1, 2, 5, 10, 15, 30]
  .map((seconds) => seconds * SECOND)
  .concat([1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE))
  .concat([1, 2, 3, 6, 12].map((hours) => hours * HOUR));

/** A round step so that about `count` of them fit into `length` nanoseconds. */
export function tickStep(length: number, count: number): number {
  const raw = Math.max(1, length / Math.max(1, count));
  if (raw >= SECOND) {
    const calendar = CALENDAR_STEPS.find((step) => step >= raw);
    return calendar ?? Math.ceil(raw / DAY) * DAY;
  }
  const power = 10 ** Math.floor(Math.log10(raw));
  const head = raw / power;
  return power * (head <= 1 ? 1 : head <= 2 ? 2 : head <= 5 ? 5 : 10);
}

/** A mark of the ruler, at a time that is round counted from `zero`. */
export interface Tick {
  readonly time: number;
  readonly label: string;
}

/** Marks within the scale, about one for every `pixels`. */
export function ticks(scale: TimeScale, zero = 0, pixels = 110): readonly Tick[] {
  const step = tickStep(scale.to - scale.from, scale.width / pixels);
  const found: Tick[] = [];
  for (
    let at = Math.ceil((scale.from - zero) / step) * step;
    at + zero <= scale.to && found.length < 200;
    at += step
  ) {
    found.push({ time: at + zero, label: formatMark(at, step) });
  }
  return found;
}
