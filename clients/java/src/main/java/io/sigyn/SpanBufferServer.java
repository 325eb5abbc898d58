package io.sigyn;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;

/** The endpoint on a port of its own; made by {@link SpanBuffer#serve}. It ends with the process. */
public final class SpanBufferServer implements AutoCloseable {
  private static final int THREADS = 8;

  private final HttpServer server;
  private final ExecutorService threads;

  private SpanBufferServer(HttpServer server, ExecutorService threads) {
    this.server = server;
    this.threads = threads;
  }

  static SpanBufferServer start(SpanBuffer buffer, String host, int port, String token, SSLContext tls)
      throws IOException {
    InetSocketAddress address = new InetSocketAddress(host, port);
    HttpServer server = tls == null ? HttpServer.create(address, THREADS) : secure(address, tls);
    ThreadPoolExecutor threads =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            60,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(64),
            task -> {
              Thread thread = new Thread(task, "sigyn-buffer");
              thread.setDaemon(true);
              return thread;
            });
    threads.allowCoreThreadTimeOut(true);
    server.setExecutor(threads);
    server.createContext("/", handler(buffer, token));
    server.start();
    return new SpanBufferServer(server, threads);
  }

  private static HttpServer secure(InetSocketAddress address, SSLContext tls) throws IOException {
    HttpsServer server = HttpsServer.create(address, THREADS);
    server.setHttpsConfigurator(new HttpsConfigurator(tls));
    return server;
  }

  static HttpHandler handler(SpanBuffer buffer, String token) {
    return exchange -> respond(exchange, answer(buffer, exchange, token));
  }

  public int port() {
    return server.getAddress().getPort();
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }

  private static Answer answer(SpanBuffer buffer, HttpExchange exchange, String token) {
    if (token != null) {
      String given = exchange.getRequestHeaders().getFirst("authorization");
      byte[] wanted = ("Bearer " + token).getBytes(StandardCharsets.UTF_8);
      if (given == null || !MessageDigest.isEqual(given.getBytes(StandardCharsets.UTF_8), wanted)) {
        return Answer.refusal(401, "a bearer token is needed to read spans");
      }
    }
    String path = exchange.getHttpContext().getPath();
    if (path.equals("/") && !exchange.getRequestURI().getPath().equals(SpanBuffer.PATH)) {
      return Answer.refusal(404, "spans are at " + SpanBuffer.PATH);
    }
    String accept = exchange.getRequestHeaders().getFirst("accept-encoding");
    return buffer.answer(exchange.getRequestMethod(), exchange.getRequestURI().getRawQuery(), accept);
  }

  private static void respond(HttpExchange exchange, Answer answer) throws IOException {
    try (exchange) {
      answer.headers().forEach((name, value) -> {
        if (!name.equals("content-length") || exchange.getRequestMethod().equals("HEAD")) {
          exchange.getResponseHeaders().set(name, value);
        }
      });
      byte[] body = answer.body();
      exchange.sendResponseHeaders(answer.status(), body.length == 0 ? -1 : body.length);
      if (body.length > 0) {
        exchange.getResponseBody().write(body);
      }
    }
  }
}
