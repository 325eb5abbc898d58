/** The link from a metric to the trace behind it. */
import { active } from "./active.js";

// A type, not an interface, so that prom-client takes it for a record of labels.
export type Exemplar = { trace_id: string; span_id: string };

type Api = typeof import("@opentelemetry/api");
let api: Api | undefined;
try {
  api = require("@opentelemetry/api");
} catch {
  // The app does not use it.
}

/**
 * The labels of the active span, for prom-client:
 * `latency.observe({ labels, value, exemplarLabels: exemplar() })`. Empty outside of spans.
 */
export function exemplar(): Exemplar | Record<string, never> {
  const context = api?.trace.getActiveSpan()?.spanContext();
  if (context) return { trace_id: context.traceId, span_id: context.spanId };
  const span = active.getStore();
  if (!span) return {};
  return { trace_id: span.context().toTraceId(), span_id: span.context().toSpanId() };
}
