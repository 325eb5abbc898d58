package io.sigyn;

import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.TracerProvider;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

/** A small web service for {@code clients/bench_web.mjs}: {@code WebBench none|buffer|otlp PORT OTLP_URL}. */
public final class WebBench {
  private WebBench() {}

  public static void main(String[] arguments) throws Exception {
    SpanBuffer buffer = SpanBuffer.create();
    SpanProcessor processor =
        switch (arguments[0]) {
          case "buffer" -> buffer.spanProcessor();
          case "otlp" ->
              BatchSpanProcessor.builder(OtlpHttpSpanExporter.builder().setEndpoint(arguments[2]).build()).build();
          default -> null;
        };
    TracerProvider provider =
        processor == null ? TracerProvider.noop() : SdkTracerProvider.builder().addSpanProcessor(processor).build();
    Tracer tracer = provider.get("web");
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[1])), 64);
    server.setExecutor(Executors.newFixedThreadPool(16));
    server.createContext(SpanBuffer.PATH, buffer.handler());
    server.createContext(
        "/",
        exchange -> {
          Span span =
              tracer
                  .spanBuilder("GET /cart/{id}")
                  .setSpanKind(SpanKind.SERVER)
                  .setAttribute("http.request.method", "GET")
                  .setAttribute("http.route", "/cart/{id}")
                  .setAttribute("url.path", exchange.getRequestURI().getPath())
                  .startSpan();
          for (int number = 0; number < 4; number++) {
            tracer
                .spanBuilder("SELECT cart")
                .setParent(Context.root().with(span))
                .setSpanKind(SpanKind.CLIENT)
                .setAttribute("db.system.name", "postgresql")
                .setAttribute("db.query.text", "SELECT * FROM cart WHERE id = $1")
                .setAttribute("n", number)
                .startSpan()
                .end();
          }
          span.setAttribute("http.response.status_code", 200);
          span.end();
          exchange.sendResponseHeaders(200, 2);
          exchange.getResponseBody().write(new byte[] {'o', 'k'});
          exchange.close();
        });
    server.start();
    System.out.println("ready");
  }
}
