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
