// Who calls whom, from whole traces in short.

import type { ShortSpan, ShortTrace } from "../api/structure.ts";
import { percentile } from "./span-table.ts";

export interface MapEdge {
  readonly from: string;
  readonly to: string;
  readonly calls: number;
  readonly errors: number;
  readonly p50Nanos: number;
  readonly p95Nanos: number;
  /** Some of the traces that it was seen in. */
  readonly traceIds: readonly string[];
}

export interface ServiceMap {
  readonly services: readonly string[];
  readonly edges: readonly MapEdge[];
  readonly traceCount: number;
}

const TRACE_IDS_MAX = 5;

export function serviceMap(traces: readonly ShortTrace[]): ServiceMap {
  const services = new Set<string>();
  const calls = new Map<
    string,
    { from: string; to: string; errors: number; nanos: number[]; traceIds: Set<string> }
  >();
  for (const trace of traces) {
    const byLeft = new Map<number, ShortSpan>();
    for (const span of trace.spans) {
      services.add(span.service);
      if (span.left > 0) byLeft.set(span.left, span);
    }
    for (const span of trace.spans) {
      const parent = byLeft.get(span.parentLeft);
      if (!parent || parent.service === span.service) continue;
      const key = `${parent.service}\n${span.service}`;
      let edge = calls.get(key);
      if (!edge) {
        edge = {
          from: parent.service,
          to: span.service,
          errors: 0,
          nanos: [],
          traceIds: new Set(),
        };
        calls.set(key, edge);
      }
      edge.nanos.push(span.durationNanos);
      // A call failed if either side says so: a caller whose callee never answered is alone in saying it.
      if (span.isError || parent.isError) edge.errors += 1;
      if (edge.traceIds.size < TRACE_IDS_MAX) edge.traceIds.add(trace.traceId);
    }
  }
  const edges = [...calls.values()].map(({ from, to, errors, nanos, traceIds }) => {
    const sorted = Float64Array.from(nanos).sort();
    return {
      from,
      to,
      calls: nanos.length,
      errors,
      p50Nanos: percentile(sorted, 0.5),
      p95Nanos: percentile(sorted, 0.95),
      traceIds: [...traceIds],
    };
  });
  edges.sort((a, b) => b.calls - a.calls);
  return { services: [...services].sort(), edges, traceCount: traces.length };
}

/** A service with all that it calls and all that call it. */
export function neighbourhood(map: ServiceMap, service: string): ServiceMap {
  const edges = map.edges.filter((edge) => edge.from === service || edge.to === service);
  const services = new Set([service, ...edges.flatMap((edge) => [edge.from, edge.to])]);
  return { ...map, services: [...services].sort(), edges };
}
