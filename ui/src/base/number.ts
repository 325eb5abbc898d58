import { type Noun, sayCount } from "./say.ts";

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** `12,345`. */
export function formatCount(count: number): string {
  return grouped.format(count);
}

/** `1 span`, `12,345 spans`. */
export function counted(count: number, noun: Noun): string {
  return sayCount(noun, count, formatCount(count));
}

/** `980 B`, `12.3 KiB`, `4.0 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** `12.3/s`, `0.42/s`, `1.2/min`, `–` for none. */
export function formatRate(perSecond: number): string {
  if (perSecond <= 0) return "–";
  if (perSecond >= 100) return `${formatCount(perSecond)}/s`;
  if (perSecond >= 0.1) return `${Number(perSecond.toPrecision(2))}/s`;
  const perMinute = perSecond * 60;
  return perMinute >= 0.1 ? `${Number(perMinute.toPrecision(2))}/min` : "< 0.1/min";
}
