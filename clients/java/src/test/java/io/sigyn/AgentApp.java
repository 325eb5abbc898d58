package io.sigyn;

import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** An app that knows nothing of tracing: it serves {@code /cart}, calls it once, prints the port and waits. */
public final class AgentApp {
  private AgentApp() {}

  public static void main(String[] arguments) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 8);
    server.createContext(
        "/cart",
        exchange -> {
          exchange.sendResponseHeaders(204, -1);
          exchange.close();
        });
    server.start();
    URI cart = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/cart");
    HttpClient.newHttpClient().send(HttpRequest.newBuilder(cart).build(), HttpResponse.BodyHandlers.discarding());
    System.out.println("ready");
    Thread.currentThread().join();
  }
}
