/**
 * Sigyn's span buffer: the newest finished spans of this process, for a collector to read. It is not an
 * exporter: it opens no connection, knows no collector, and never slows the app down when nobody reads.
 * `sigyn-buffer/opentracing` is a tracer of its own for apps on OpenTracing.
 */
export {
  type Drain,
  type DrainOptions,
  SpanBuffer,
  type SpanBufferOptions,
  type Stats,
} from "./buffer.js";
export { type Exemplar, exemplar } from "./exemplars.js";
export type { Handler } from "./handler.js";
export { SpanBufferProcessor } from "./processor.js";
export type { ServeOptions } from "./server.js";
