package io.sigyn;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import io.opentracing.Scope;
import io.opentracing.Span;
import io.opentracing.SpanContext;
import io.opentracing.propagation.Format;
import io.opentracing.propagation.TextMapAdapter;
import io.opentracing.tag.Tags;
import io.opentracing.util.GlobalTracer;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.expositionformats.OpenMetricsTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.tracer.initializer.SpanContextSupplier;
import io.sigyn.opentracing.SigynTracer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;

/**
 * One service of the polyglot demo, by OpenTracing: {@code DemoApp --listen 127.0.0.1:7004 --next URL}. {@code GET
 * /checkout} goes on along the chain with W3C trace context and baggage; {@code /debug/spans} is the span buffer and
 * {@code /metrics} shows exemplars. SIGTERM drains.
 */
public final class DemoApp {
  private static final String SERVICE = "polyglot-java";
  private static final Duration NEXT_TIMEOUT = Duration.ofSeconds(10);

  private final String next;
  private final SigynTracer tracer = new SigynTracer(SERVICE);
  private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final PrometheusRegistry registry = new PrometheusRegistry();
  private final Histogram latency;

  private DemoApp(String next) {
    this.next = next;
    GlobalTracer.registerIfAbsent(tracer);
    SpanContextSupplier.setSpanContext(new Exemplars());
    latency = Histogram.builder().name("checkout_duration_seconds").help("Time to answer.").register(registry);
  }

  private record Result(int status, Object body) {}

  private Result checkout(HttpExchange exchange) {
    Map<String, String> headers = new HashMap<>();
    exchange.getRequestHeaders().forEach((name, values) -> headers.put(name, String.join(",", values)));
    SpanContext parent = tracer.extract(Format.Builtin.HTTP_HEADERS, new TextMapAdapter(headers));
    long began = System.nanoTime();
    Span span =
        tracer
            .buildSpan("GET /checkout")
            .asChildOf(parent)
            .withTag(Tags.SPAN_KIND, Tags.SPAN_KIND_SERVER)
            .withTag("http.request.method", "GET")
            .withTag("http.route", "/checkout")
            .withTag("url.query", String.valueOf(exchange.getRequestURI().getRawQuery()))
            .start();
    Scope scope = tracer.activateSpan(span);
    try {
      Result result;
      try {
        List<String> services = new ArrayList<>(List.of(SERVICE));
        if (!next.isEmpty()) {
          call().getAsJsonArray("services").forEach(name -> services.add(name.getAsString()));
        }
        Map<String, String> baggage = new LinkedHashMap<>();
        span.context().baggageItems().forEach(item -> baggage.put(item.getKey(), item.getValue()));
        result = new Result(200, Map.of("services", services, "baggage", baggage));
      } catch (IOException | RuntimeException failed) {
        span.setTag(Tags.ERROR, true);
        result = new Result(502, Map.of("error", next + " did not answer: " + failed.getMessage()));
      }
      span.setTag("http.response.status_code", result.status);
      latency.observe((System.nanoTime() - began) / 1e9);
      return result;
    } finally {
      scope.close();
      span.finish();
    }
  }

  /** What the rest of the chain answers. */
  private JsonObject call() throws IOException {
    Span span =
        tracer
            .buildSpan("GET")
            .withTag(Tags.SPAN_KIND, Tags.SPAN_KIND_CLIENT)
            .withTag("http.request.method", "GET")
            .withTag("url.full", next)
            .start();
    try {
      Map<String, String> headers = new HashMap<>();
      tracer.inject(span.context(), Format.Builtin.HTTP_HEADERS, new TextMapAdapter(headers));
      HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(next)).timeout(NEXT_TIMEOUT);
      headers.forEach(request::header);
      HttpResponse<String> response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
      span.setTag("http.response.status_code", response.statusCode());
      if (response.statusCode() != 200) {
        throw new IOException("it answered " + response.statusCode());
      }
      return new Gson().fromJson(response.body(), JsonObject.class);
    } catch (IOException | RuntimeException failed) {
      span.setTag(Tags.ERROR, true).log(Map.of("event", "error", "error.object", failed));
      throw failed;
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IOException(interrupted);
    } finally {
      span.finish();
    }
  }

  private String metrics() throws IOException {
    ByteArrayOutputStream page = new ByteArrayOutputStream();
    OpenMetricsTextFormatWriter.create().write(page, registry.scrape());
    String text = page.toString(StandardCharsets.UTF_8);
    tracer.buffer().keepExemplars(text);
    return text;
  }

  private static void answer(HttpExchange exchange, int status, String type, String body) throws IOException {
    try (exchange) {
      byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("content-type", type);
      exchange.sendResponseHeaders(status, bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }

  public static void main(String[] arguments) throws Exception {
    Map<String, String> given = new HashMap<>(Map.of("--listen", "127.0.0.1:7004", "--next", ""));
    for (int index = 0; index + 1 < arguments.length; index += 2) {
      given.put(arguments[index], arguments[index + 1]);
    }
    String listen = given.get("--listen");
    int separator = listen.lastIndexOf(':');
    String base = given.get("--next").replaceAll("/$", "");
    DemoApp app = new DemoApp(base.isEmpty() || base.endsWith("/checkout") ? base : base + "/checkout");
    int port = Integer.parseInt(listen.substring(separator + 1));
    HttpServer server = HttpServer.create(new InetSocketAddress(listen.substring(0, separator), port), 64);
    server.setExecutor(
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "demo");
              thread.setDaemon(true);
              return thread;
            }));
    HttpHandler spans = app.tracer.buffer().handler();
    server.createContext(SpanBuffer.PATH, spans);
    server.createContext(
        "/checkout",
        exchange -> {
          Result result = app.checkout(exchange);
          answer(exchange, result.status, "application/json", new Gson().toJson(result.body));
        });
    String openMetrics = OpenMetricsTextFormatWriter.CONTENT_TYPE;
    server.createContext("/metrics", exchange -> answer(exchange, 200, openMetrics, app.metrics()));
    server.createContext(
        "/", exchange -> answer(exchange, 404, "text/plain", "try /checkout, /metrics or /debug/spans\n"));
    server.start();
    app.tracer.buffer().drainOnExit(SpanBuffer.DRAIN_TIMEOUT, null);
    System.out.println("ready");
    Thread.currentThread().join();
  }
}
