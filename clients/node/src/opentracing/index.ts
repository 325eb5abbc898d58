/** An OpenTracing tracer (`opentracing` 0.14) whose finished spans can be read from a span buffer. */

export { SigynSpanContext as SpanContext } from "./context.js";
export { SigynSpan as Span } from "./span.js";
export { Tracer, type TracerOptions } from "./tracer.js";
