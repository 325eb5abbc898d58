package io.sigyn;

import io.opentracing.Span;
import io.opentracing.util.GlobalTracer;
import io.prometheus.metrics.tracer.common.SpanContext;
import io.sigyn.opentracing.SigynSpanContext;

/**
 * The link from a metric to the trace behind it, for apps on OpenTracing: {@code SpanContextSupplier.setSpanContext(new
 * Exemplars())} for Prometheus' client, or as a bean of this type for Micrometer's Prometheus registry. Apps on
 * OpenTelemetry need nothing: Prometheus' client finds its spans itself.
 */
public final class Exemplars implements SpanContext {
  @Override
  public String getCurrentTraceId() {
    SigynSpanContext context = active();
    return context == null ? null : context.toTraceId();
  }

  @Override
  public String getCurrentSpanId() {
    SigynSpanContext context = active();
    return context == null ? null : context.toSpanId();
  }

  @Override
  public boolean isCurrentSpanSampled() {
    // The buffer keeps every span, so every span is worth pointing at.
    return active() != null;
  }

  @Override
  public void markCurrentSpanAsExemplar() {}

  private static SigynSpanContext active() {
    Span span = GlobalTracer.get().activeSpan();
    return span != null && span.context() instanceof SigynSpanContext context ? context : null;
  }
}
