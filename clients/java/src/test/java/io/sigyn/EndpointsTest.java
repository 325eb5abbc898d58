package io.sigyn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The same buffer behind each of its endpoints. */
class EndpointsTest {
  private final SpanBuffer buffer = SpanBuffer.create(64 << 10);
  private final HttpClient client = HttpClient.newHttpClient();

  @BeforeEach
  void recordOne() {
    SpanRecord span = new SpanRecord();
    span.traceId = "0".repeat(31) + "1";
    span.spanId = "0".repeat(15) + "1";
    span.name = "x".repeat(300);
    buffer.record(buffer.scope("s", "", "", Map.of()), span);
  }

  private HttpResponse<byte[]> send(String url, String method, String... headers) throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url)).method(method, HttpRequest.BodyPublishers.noBody());
    for (int index = 0; index < headers.length; index += 2) {
      request.header(headers[index], headers[index + 1]);
    }
    return client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
  }

  /** What a reader sees, wherever the endpoint is. */
  private void read(String url) throws Exception {
    HttpResponse<byte[]> first = send(url, "GET");
    assertEquals(200, first.statusCode());
    assertEquals("application/x-protobuf", first.headers().firstValue("content-type").orElseThrow());
    assertEquals(1, Vectors.spans(first.body()).size());
    HttpResponse<byte[]> zipped = send(url, "GET", "accept-encoding", "gzip");
    assertEquals("gzip", zipped.headers().firstValue("content-encoding").orElseThrow());
    byte[] plain = new GZIPInputStream(new ByteArrayInputStream(zipped.body())).readAllBytes();
    assertEquals(1, Vectors.spans(plain).size());
    String cursor = first.headers().firstValue("sigyn-cursor").orElseThrow();
    HttpResponse<byte[]> next = send(url + "?cursor=" + cursor, "GET");
    assertEquals(0, next.body().length);
    assertEquals(cursor, next.headers().firstValue("sigyn-cursor").orElseThrow());
    assertEquals(1, Vectors.spans(send(url + "?trace_id=1", "GET").body()).size());
    assertEquals(200, send(url, "HEAD").statusCode());
    assertEquals(400, send(url + "?wait=soon", "GET").statusCode());
    HttpResponse<byte[]> refused = send(url, "DELETE");
    assertEquals(405, refused.statusCode());
    assertTrue(refused.headers().firstValue("allow").orElseThrow().contains("GET"));
  }

  @Test
  void aPortOfItsOwn() throws Exception {
    try (SpanBufferServer server = buffer.serve("127.0.0.1", 0, null)) {
      read("http://127.0.0.1:" + server.port() + SpanBuffer.PATH);
      assertEquals(404, send("http://127.0.0.1:" + server.port() + "/metrics", "GET").statusCode());
    }
  }

  @Test
  void aPortOfItsOwnOverTls() throws Exception {
    try (SpanBufferServer server = buffer.serve("127.0.0.1", 0, null, Vectors.tls())) {
      String url = "https://127.0.0.1:" + server.port() + SpanBuffer.PATH;
      HttpRequest request = HttpRequest.newBuilder(URI.create(url)).build();
      HttpClient trusting = HttpClient.newBuilder().sslContext(Vectors.tls()).build();
      HttpResponse<byte[]> answer = trusting.send(request, HttpResponse.BodyHandlers.ofByteArray());
      assertEquals(1, Vectors.spans(answer.body()).size());
      // Who does not know the certificate does not read.
      assertThrows(IOException.class, () -> client.send(request, HttpResponse.BodyHandlers.ofByteArray()));
    }
  }

  @Test
  void theServerOfAnApp() throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 8);
    server.createContext("/internal/spans", buffer.handler());
    server.start();
    read("http://127.0.0.1:" + server.getAddress().getPort() + "/internal/spans");
    server.stop(0);
  }

  @Test
  void aServletContainer() throws Exception {
    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    server.addConnector(connector);
    ServletContextHandler context = new ServletContextHandler("/");
    context.addServlet(new ServletHolder(new SpanBufferServlet(buffer)), SpanBuffer.PATH);
    server.setHandler(context);
    server.start();
    read("http://127.0.0.1:" + connector.getLocalPort() + SpanBuffer.PATH);
    server.stop();
  }
}
