package io.sigyn.opentracing;

import io.opentracing.SpanContext;
import java.util.Map;

/** What of a span crosses process boundaries. Immutable: a baggage item gives the span a new one. */
public record SigynSpanContext(
    String traceId, String spanId, int flags, String traceState, boolean isRemote, Map<String, String> baggage)
    implements SpanContext {
  static final int SAMPLED = 1;
  static final int DEBUG = 2;

  @Override
  public String toTraceId() {
    return traceId;
  }

  @Override
  public String toSpanId() {
    return spanId;
  }

  @Override
  public Iterable<Map.Entry<String, String>> baggageItems() {
    return baggage.entrySet();
  }

  /** What the trace was told at its root. */
  public boolean isSampled() {
    return (flags & SAMPLED) != 0;
  }

  /** Baggage that came without a span names none. */
  boolean isSpan() {
    return !traceId.matches("0*");
  }
}
