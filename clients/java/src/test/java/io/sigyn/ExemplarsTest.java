package io.sigyn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentracing.Scope;
import io.opentracing.Span;
import io.opentracing.util.GlobalTracer;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.expositionformats.OpenMetricsTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.sigyn.opentracing.SigynTracer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Metrics whose exemplars lead to spans, and keep them. */
class ExemplarsTest {
  private static String page(PrometheusRegistry registry) throws IOException {
    ByteArrayOutputStream page = new ByteArrayOutputStream();
    OpenMetricsTextFormatWriter.create().write(page, registry.scrape());
    return page.toString();
  }

  @Test
  void micrometerShowsTheOpenTracingSpanAndItIsKept() {
    SpanBuffer buffer = SpanBuffer.create(64 << 10);
    SigynTracer tracer = new SigynTracer("shop", buffer);
    GlobalTracer.registerIfAbsent(tracer);
    Exemplars exemplars = new Exemplars();
    assertNull(exemplars.getCurrentTraceId(), "outside of spans there is none");
    PrometheusMeterRegistry registry =
        new PrometheusMeterRegistry(PrometheusConfig.DEFAULT, new PrometheusRegistry(), Clock.SYSTEM, exemplars);
    Timer timer = Timer.builder("checkout").publishPercentileHistogram().register(registry);
    Span span = tracer.buildSpan("GET /checkout").start();
    Scope scope = tracer.activateSpan(span);
    timer.record(Duration.ofMillis(20));
    scope.close();
    span.finish();
    String page = registry.scrape("application/openmetrics-text");
    assertTrue(page.contains("trace_id=\"" + span.context().toTraceId() + "\""), page);
    assertTrue(page.contains("span_id=\"" + span.context().toSpanId() + "\""), page);
    buffer.keepExemplars(page);
    assertEquals(1, buffer.stats().kept());
  }

  @Test
  void prometheusClientFindsOpenTelemetrysSpanItselfAndItIsKept() throws IOException {
    SpanBuffer buffer = SpanBuffer.create(64 << 10);
    PrometheusRegistry registry = new PrometheusRegistry();
    Histogram latency = Histogram.builder().name("checkout_seconds").help("h").register(registry);
    try (SdkTracerProvider provider = SdkTracerProvider.builder().addSpanProcessor(buffer.spanProcessor()).build()) {
      io.opentelemetry.api.trace.Span span = provider.get("t").spanBuilder("GET /checkout").startSpan();
      io.opentelemetry.context.Scope scope = span.makeCurrent();
      latency.observe(0.02);
      scope.close();
      span.end();
      String trace = span.getSpanContext().getTraceId();
      String page = page(registry);
      assertTrue(page.contains("trace_id=\"" + trace + "\""), page);
      buffer.keepExemplars(page);
      assertEquals(1, buffer.stats().kept());
      for (int count = 0; count < 2000; count++) {
        provider.get("t").spanBuilder("other").startSpan().end();
      }
      assertTrue(buffer.stats().overwritten() > 1);
      assertEquals(1, Vectors.spans(buffer.answer("GET", "trace_id=" + trace, null).body()).size());
    }
  }
}
