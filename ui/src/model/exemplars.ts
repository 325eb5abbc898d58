import type { TraceExemplar } from "../api/trace.ts";
import type { Heat } from "../base/heat.ts";
import { formatBytes } from "../base/number.ts";
import { formatDuration } from "../base/time.ts";
import { type Labels, seriesName } from "./series.ts";
import type { Trace } from "./trace.ts";

/** Fields of the grid that each hold one dot: right for a picture as wide as a page. */
const PAGE_FIELDS = { across: 48, up: 10 };

/** An exemplar with the span that it belongs to; −1 where that span is not here. */
export interface PlacedExemplar {
  readonly exemplar: TraceExemplar;
  readonly series: string;
  readonly span: number;
  /** Nanoseconds from the start of the trace. */
  readonly offset: number;
}

/** What a metric measures, by the unit that its name ends with. */
export type Unit = "seconds" | "milliseconds" | "bytes" | "number";

export function unitOf(metric: string): Unit {
  const base = metric.replace(/_(bucket|total|sum|count|max|min)$/, "");
  if (/_(seconds|duration)$/.test(base)) return "seconds";
  if (/_(milliseconds|millis|ms)$/.test(base)) return "milliseconds";
  return base.endsWith("_bytes") || base.endsWith("_size") ? "bytes" : "number";
}

/** The one unit of several metrics; plain numbers where they differ. */
export function commonUnit(metrics: readonly string[]): Unit {
  const units = new Set(metrics.map(unitOf));
  const [first] = units;
  return units.size === 1 ? first : "number";
}

/** `2.35 ms`, `1.2 KiB`, `0.0123`: a value as its metric means it. */
export function formatValue(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return String(value);
  if (unit === "seconds") return formatDuration(value * 1e9);
  if (unit === "milliseconds") return formatDuration(value * 1e6);
  if (unit === "bytes") return formatBytes(value);
  return String(Number(value.toPrecision(4)));
}

/** Labels that all of these series have alike; said once, they need not be said in each row. */
export function commonLabels(series: readonly Labels[]): Labels {
  const [first, ...others] = series;
  if (!first || others.length === 0) return {};
  return Object.fromEntries(
    Object.entries(first).filter(([key, value]) => others.every((one) => one[key] === value)),
  );
}

/** One of the marks for each field of a coarse grid, the first of them, so that they can be told apart and hit. */
export function thinned<T>(
  marks: readonly T[],
  heat: Heat,
  place: (mark: T) => { readonly atMillis: number; readonly value: number },
  fields: { readonly across: number; readonly up: number } = PAGE_FIELDS,
): readonly T[] {
  const low = Math.log((heat.bounds[0] ?? 2) / 2);
  const high = Math.log(heat.bounds.at(-1) ?? 2);
  const across = fields.across / Math.max(1, heat.toMillis - heat.fromMillis);
  const up = fields.up / Math.max(1e-9, high - low);
  const taken = new Set<string>();
  return marks.filter((mark) => {
    const { atMillis, value } = place(mark);
    if (!(value > 0) || atMillis < heat.fromMillis || atMillis > heat.toMillis) return false;
    const column = Math.floor((atMillis - heat.fromMillis) * across);
    const key = `${column} ${Math.floor((Math.log(value) - low) * up)}`;
    return !taken.has(key) && taken.add(key).has(key);
  });
}

export function placeExemplars(
  trace: Trace,
  exemplars: readonly TraceExemplar[],
): readonly PlacedExemplar[] {
  return exemplars.map((exemplar) => ({
    exemplar,
    series: seriesName(exemplar.seriesLabels as Labels),
    span: exemplar.spanId === null ? -1 : (trace.indexById.get(exemplar.spanId) ?? -1),
    offset: Number(exemplar.time - trace.start),
  }));
}
