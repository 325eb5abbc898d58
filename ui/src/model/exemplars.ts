import type { TraceExemplar } from "../api/trace.ts";
import { type Labels, seriesName } from "./series.ts";
import type { Trace } from "./trace.ts";

/** An exemplar with the span that it belongs to; −1 where that span is not here. */
export interface PlacedExemplar {
  readonly exemplar: TraceExemplar;
  readonly series: string;
  readonly span: number;
  /** Nanoseconds from the start of the trace. */
  readonly offset: number;
}

/** What an exemplar of a duration stands for, in nanoseconds; 0 where its metric is no duration. */
export function exemplarDuration(exemplar: {
  readonly seriesLabels: Labels;
  readonly value: number;
}): number {
  const name = exemplar.seriesLabels.__name__ ?? "";
  if (/_seconds(_|$)/.test(name)) return exemplar.value * 1e9;
  return /_milliseconds(_|$)|_ms(_|$)/.test(name) ? exemplar.value * 1e6 : 0;
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
