// Time. Absolute times are whole nanoseconds since 1970 in a branded bigint, because a double
// holds them only to 256 ns. Lengths and offsets inside one trace are plain numbers of
// nanoseconds: exact up to 104 days.

import { say } from "./say.ts";

declare const nanosBrand: unique symbol;
/** Nanoseconds since 1970-01-01 UTC, exact. */
export type Nanos = bigint & { readonly [nanosBrand]: true };

export const MICROSECOND = 1e3;
export const MILLISECOND = 1e6;
export const SECOND = 1e9;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export function nanos(value: bigint): Nanos {
  return value as Nanos;
}

export function nanosFromMillis(millis: number): Nanos {
  return nanos(BigInt(Math.round(millis)) * 1_000_000n);
}

export function nanosFromSeconds(seconds: number): Nanos {
  const whole = Math.floor(seconds);
  return nanos(BigInt(whole) * 1_000_000_000n + BigInt(Math.round((seconds - whole) * SECOND)));
}

export function millisFromNanos(time: Nanos): number {
  return Number(time / 1_000n) / 1_000;
}

/** `850 ns`, `12.3 µs`, `4.56 ms`, `1.23 s`, `2m 03s`, `1h 02m`, `3d 04h`. */
export function formatDuration(durationNanos: number): string {
  if (durationNanos < 0) return `−${formatDuration(-durationNanos)}`;
  if (durationNanos < MICROSECOND) return `${Math.round(durationNanos)} ns`;
  if (durationNanos < 999.5 * MICROSECOND) return `${significant(durationNanos / MICROSECOND)} µs`;
  if (durationNanos < 999.5 * MILLISECOND) return `${significant(durationNanos / MILLISECOND)} ms`;
  if (durationNanos < 59.95 * SECOND) return `${significant(durationNanos / SECOND)} s`;
  if (durationNanos < HOUR - SECOND / 2) return pair(durationNanos, MINUTE, "m", SECOND, "s");
  if (durationNanos < DAY - MINUTE / 2) return pair(durationNanos, HOUR, "h", MINUTE, "m");
  return pair(durationNanos, DAY, "d", HOUR, "h");
}

/** `+1.2 s` after a moment, `−3d 00h` before it, `0` at it. */
export function formatOffset(offsetNanos: number): string {
  if (Math.abs(offsetNanos) < 0.5) return "0";
  return offsetNanos < 0 ? formatDuration(offsetNanos) : `+${formatDuration(offsetNanos)}`;
}

const SCALES: readonly (readonly [number, string])[] = [
  [DAY, "d"],
  [HOUR, "h"],
  [MINUTE, "m"],
  [SECOND, "s"],
];

/** A mark of a ruler whose marks are `step` apart, so that no two read alike: `0`, `3.0012 s`, `1h 02m`, `−2m 00.5s`. */
export function formatMark(timeNanos: number, step: number): string {
  const size = Math.abs(timeNanos);
  if (size < step / 2) return "0";
  const sign = timeNanos < 0 ? "−" : "";
  if (size < 59.95 * SECOND) {
    const [unit, name] =
      size < 999.5
        ? ([1, "ns"] as const)
        : size < 999.5 * MICROSECOND
          ? ([MICROSECOND, "µs"] as const)
          : size < 999.5 * MILLISECOND
            ? ([MILLISECOND, "ms"] as const)
            : ([SECOND, "s"] as const);
    return `${sign}${Number((size / unit).toFixed(decimals(unit, step)))} ${name}`;
  }
  const parts: string[] = [];
  let rest = size;
  for (const [unit, name] of SCALES) {
    if (parts.length === 0 && rest < unit) continue;
    // Two units at least, and as small ones as the step has.
    if (parts.length >= 2 && step >= unit * 60) break;
    const isLast = unit === SECOND;
    const whole = isLast
      ? (rest / unit).toFixed(decimals(unit, step))
      : String(Math.floor(rest / unit));
    const [head, tail] = whole.split(".");
    const digits = parts.length === 0 ? head : head.padStart(2, "0");
    parts.push(`${digits}${tail === undefined ? "" : `.${tail}`}${name}`);
    rest -= Math.floor(rest / unit) * unit;
  }
  return sign + parts.join(" ");
}

/** How many digits after the point tell steps apart. */
function decimals(unit: number, step: number): number {
  return Math.min(9, Math.max(0, Math.ceil(Math.log10(unit / step) - 1e-9)));
}

/** Three significant digits, no trailing zeros after the point. */
function significant(value: number): string {
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  const text = value.toFixed(digits);
  return digits === 0 ? text : text.replace(/\.?0+$/, "");
}

function pair(value: number, big: number, bigUnit: string, small: number, smallUnit: string) {
  const total = Math.round(value / small);
  const perBig = big / small;
  const rest = String(total % perBig).padStart(2, "0");
  return `${Math.floor(total / perBig)}${bigUnit} ${rest}${smallUnit}`;
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: MICROSECOND,
  µs: MICROSECOND,
  μs: MICROSECOND,
  ms: MILLISECOND,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
};

/** Reads `10ms`, `1.5s`, `1h30m`; null where it is no duration. */
export function parseDuration(text: string): number | null {
  const compact = text.replace(/\s+/g, "");
  if (!/^(\d+(\.\d+)?(ns|us|µs|μs|ms|s|m|h|d))+$/.test(compact)) return null;
  let total = 0;
  for (const [, amount, unit] of compact.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h|d)/g)) {
    total += Number(amount) * UNITS[unit];
  }
  return total;
}

const two = (value: number) => String(value).padStart(2, "0");

/** `12:03:04`, local time; with milliseconds when asked. */
export function formatClock(time: Nanos, withMillis = false): string {
  const millis = Math.floor(millisFromNanos(time));
  const date = new Date(millis);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return withMillis ? `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}` : clock;
}

/** `2026-11-22 12:03:04.125`, local time. */
export function formatDateTime(time: Nanos, withMillis = false): string {
  const date = new Date(Math.floor(millisFromNanos(time)));
  if (Number.isNaN(date.getTime())) return say("time.beyondTheCalendar");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${formatClock(time, withMillis)}`;
}

/** `2026-11-22T12:03:04.125Z UTC`, for whoever compares with logs of another zone. */
export function formatUtc(time: Nanos): string {
  const date = new Date(Math.floor(millisFromNanos(time)));
  return Number.isNaN(date.getTime())
    ? say("time.beyondTheCalendar")
    : say("time.utc", { toISOString: date.toISOString() });
}

/** `just now`, `12 s ago`, `3 min ago`, `in 5 s`. */
export function formatAgo(thenMillis: number, nowMillis: number): string {
  const seconds = (nowMillis - thenMillis) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 1) return say("time.justNow");
  const words =
    distance < 60
      ? `${Math.floor(distance)} s`
      : distance < 3600
        ? `${Math.floor(distance / 60)} min`
        : distance < 48 * 3600
          ? `${Math.floor(distance / 3600)} h`
          : `${Math.floor(distance / 86400)} d`;
  return seconds < 0 ? say("time.in", { words }) : say("time.ago", { words });
}
