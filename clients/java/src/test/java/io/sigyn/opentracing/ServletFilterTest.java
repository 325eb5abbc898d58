package io.sigyn.opentracing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.opentracing.contrib.web.servlet.filter.TracingFilter;
import io.sigyn.SpanBuffer;
import io.sigyn.Vectors;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import javax.servlet.DispatcherType;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.ee8.servlet.FilterHolder;
import org.eclipse.jetty.ee8.servlet.ServletContextHandler;
import org.eclipse.jetty.ee8.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.Test;

/** opentracing-web-servlet-filter 0.4.1 of 2019, for javax.servlet, as it is. */
class ServletFilterTest {
  private static final class Cart extends HttpServlet {
    private static final long serialVersionUID = 1;

    private final transient SigynTracer tracer;

    Cart(SigynTracer tracer) {
      this.tracer = tracer;
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
      tracer.buildSpan("query").start().finish();
      response.getWriter().print(tracer.activeSpan().getBaggageItem("user"));
    }
  }

  @Test
  void worksUnmodified() throws Exception {
    SigynTracer tracer = new SigynTracer("shop", SpanBuffer.create(1 << 20));
    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    server.addConnector(connector);
    ServletContextHandler context = new ServletContextHandler();
    context.setContextPath("/");
    context.addFilter(new FilterHolder(new TracingFilter(tracer)), "/*", EnumSet.of(DispatcherType.REQUEST));
    context.addServlet(new ServletHolder(new Cart(tracer)), "/cart");
    server.setHandler(context.get());
    server.start();
    String traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + connector.getLocalPort() + "/cart"))
            .header("traceparent", "00-" + traceId + "-00f067aa0ba902b7-01")
            .header("baggage", "user=7")
            .build();
    HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    assertEquals("7", answer.body());
    server.stop();

    List<Vectors.Span> found = Vectors.spans(HexFormat.of().parseHex(Vectors.body(tracer.buffer())));
    Map<String, Vectors.Span> spans = found.stream().collect(Collectors.toMap(Vectors.Span::name, Function.identity()));
    assertEquals(List.of(traceId, traceId), found.stream().map(Vectors.Span::traceId).toList());
    assertEquals(2, spans.get("GET").kind(), "a server span");
    assertEquals("00f067aa0ba902b7", spans.get("GET").parentId());
    assertEquals(spans.get("GET").spanId(), spans.get("query").parentId());
  }
}
