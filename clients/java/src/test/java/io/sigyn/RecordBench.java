package io.sigyn;

import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.sdk.trace.ReadWriteSpan;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * What a finished span costs its app: this buffer, and OpenTelemetry's batch processor with its OTLP/HTTP exporter on
 * the same spans. CPU time of the whole process, the sink in another one; the batch processor's queue is large enough to
 * lose nothing. Prints one JSON object a line.
 */
public final class RecordBench {
  private static final int SPANS = 20_000;
  private static final int ROUNDS = 6;

  /** How often a round goes over the spans, as the clock of the process goes in steps of 10 ms. */
  private static final int LAPS = 4;

  private RecordBench() {}

  private static void sink() throws Exception {
    HttpServer sink = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 16);
    sink.createContext(
        "/",
        exchange -> {
          exchange.getRequestBody().readAllBytes();
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    sink.start();
    System.out.println(sink.getAddress().getPort());
    Thread.currentThread().join();
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length > 0) {
      sink();
      return;
    }
    List<ReadableSpan> spans = new ArrayList<>();
    SpanProcessor collect =
        new SpanProcessor() {
          @Override
          public void onStart(Context context, ReadWriteSpan span) {}

          @Override
          public boolean isStartRequired() {
            return false;
          }

          @Override
          public void onEnd(ReadableSpan span) {
            spans.add(span);
          }

          @Override
          public boolean isEndRequired() {
            return true;
          }
        };
    SdkTracerProvider provider = SdkTracerProvider.builder().addSpanProcessor(collect).build();
    for (int number = 0; number < SPANS; number++) {
      Span span =
          provider
              .tracerBuilder("shop-http")
              .setInstrumentationVersion("1.4.0")
              .build()
              .spanBuilder("GET /api/products/{id}")
              .setSpanKind(SpanKind.SERVER)
              .startSpan();
      span.setAttribute("http.request.method", "GET");
      span.setAttribute("http.route", "/api/products/{id}");
      span.setAttribute("url.path", "/api/products/" + number);
      span.setAttribute("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0");
      span.setAttribute("http.response.status_code", 200);
      span.setAttribute("server.port", 8080);
      span.setAttribute("server.address", "catalogue.shop.svc.cluster.local");
      span.setAttribute("app.user.id", String.format("user-%07d", number));
      span.setAttribute("app.cache.hit", true);
      span.end();
    }
    SpanBuffer buffer = SpanBuffer.create();
    long[] ours = cost(spans, buffer.spanProcessor());

    Process sink =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                RecordBench.class.getName(),
                "sink")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String port = new BufferedReader(new InputStreamReader(sink.getInputStream())).readLine();
    String url = "http://127.0.0.1:" + port + "/v1/traces";
    OtlpHttpSpanExporter exporter = OtlpHttpSpanExporter.builder().setEndpoint(url).build();
    BatchSpanProcessor batch = BatchSpanProcessor.builder(exporter).setMaxQueueSize(2 * SPANS).build();
    long[] theirs = cost(spans, batch);
    batch.shutdown().join(10, TimeUnit.SECONDS);
    sink.destroy();
    SpanBuffer.Stats stats = buffer.stats();
    System.out.printf(
        "{\"bench\":\"client_record\",\"client\":\"java\",\"held_bytes_per_span\":%d,\"ns_per_span\":%d,"
            + "\"otel_batch_ns_per_span\":%d,\"cpu_ns_per_span\":%d,\"otel_batch_cpu_ns_per_span\":%d,\"ratio\":%.1f}%n",
        stats.bytes() / (stats.recorded() - stats.overwritten()),
        ours[0],
        theirs[0],
        ours[1],
        theirs[1],
        (double) theirs[1] / ours[1]);
  }

  /** (ns of CPU on the ending thread, ns of CPU in the process) per span; the best of the rounds. */
  private static long[] cost(List<ReadableSpan> spans, SpanProcessor processor) {
    com.sun.management.OperatingSystemMXBean process =
        (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    java.lang.management.ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long[] best = {Long.MAX_VALUE, Long.MAX_VALUE};
    for (int round = 0; round < ROUNDS; round++) {
      long before = process.getProcessCpuTime();
      long ending = 0;
      for (int lap = 0; lap < LAPS; lap++) {
        long began = threads.getCurrentThreadCpuTime();
        for (ReadableSpan span : spans) {
          processor.onEnd(span);
        }
        ending += threads.getCurrentThreadCpuTime() - began;
        processor.forceFlush().join(60, TimeUnit.SECONDS);
      }
      best[0] = Math.min(best[0], ending / SPANS / LAPS);
      best[1] = Math.min(best[1], (process.getProcessCpuTime() - before) / SPANS / LAPS);
    }
    return best;
  }
}
