package io.sigyn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The OpenTelemetry agent with this jar as its extension, and an app that was not changed. */
class AgentIT {
  private final HttpClient client = HttpClient.newHttpClient();

  private HttpResponse<byte[]> read(int port, String query) throws Exception {
    URI uri = URI.create("http://127.0.0.1:" + port + SpanBuffer.PATH + query);
    HttpRequest request = HttpRequest.newBuilder(uri).header("authorization", "Bearer secret").build();
    return client.send(request, HttpResponse.BodyHandlers.ofByteArray());
  }

  @Test
  void theJarIsAnExtension() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin/java").toString(),
            "-javaagent:" + System.getProperty("agent"),
            "-Dotel.javaagent.extensions=" + System.getProperty("extension"),
            "-Dotel.service.name=cart",
            "-Dotel.traces.exporter=none",
            "-Dotel.metrics.exporter=none",
            "-Dotel.logs.exporter=none",
            "-Dsigyn.buffer.port=" + port,
            "-cp",
            "target/test-classes",
            "io.sigyn.AgentApp");
    builder.environment().put("SIGYN_BUFFER_HOST", "127.0.0.1");
    builder.environment().put("SIGYN_BUFFER_TOKEN", "secret");
    Process app = builder.redirectErrorStream(true).start();
    try {
      BufferedReader lines = new BufferedReader(new InputStreamReader(app.getInputStream()));
      StringBuilder said = new StringBuilder();
      for (String line = lines.readLine(); line != null && !line.equals("ready"); line = lines.readLine()) {
        said.append(line).append('\n');
      }
      HttpResponse<byte[]> first = read(port, "?wait=10s");
      List<Vectors.Span> spans = Vectors.spans(first.body());
      for (long until = System.nanoTime() + 10_000_000_000L; spans.size() < 2 && System.nanoTime() < until; ) {
        Thread.sleep(20);
        first = read(port, "");
        spans = Vectors.spans(first.body());
      }
      assertEquals(2, spans.size(), said + spans.toString());
      Vectors.Span server = spans.stream().filter(span -> span.kind() == 2).findFirst().orElseThrow();
      Vectors.Span caller = spans.stream().filter(span -> span.kind() == 3).findFirst().orElseThrow();
      assertEquals("GET /cart", server.name());
      assertEquals(caller.spanId(), server.parentId());
      assertTrue(new String(first.body()).contains("service.name"));

      // Reads are not traced: they would feed themselves.
      String cursor = first.headers().firstValue("sigyn-cursor").orElseThrow();
      assertEquals(0, read(port, "?cursor=" + cursor).body().length);
      assertEquals(0, read(port, "?cursor=" + cursor).body().length);

      // SIGTERM: it ends as soon as a reader has everything.
      app.destroy();
      while (read(port, "?drain=1&cursor=" + cursor).body().length > 0) {}
      assertTrue(app.waitFor(10, TimeUnit.SECONDS));
    } finally {
      app.destroyForcibly();
    }
  }
}
