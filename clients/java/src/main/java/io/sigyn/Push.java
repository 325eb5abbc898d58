package io.sigyn;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** What nobody read before the end goes to an OTLP address. */
final class Push {
  private static final int BYTES_MAX = 2 << 20;
  private static final Duration TIMEOUT = Duration.ofSeconds(3);

  private Push() {}

  /** Whether everything from a position on was taken. One attempt: the process is ending. */
  static boolean push(SpanBuffer buffer, long position, String url) {
    HttpClient client = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
    while (true) {
      SpanBuffer.Read read = buffer.read(position, BYTES_MAX);
      if (read.body().length == 0) {
        return true;
      }
      try {
        HttpRequest request =
            HttpRequest.newBuilder(URI.create(url))
                .timeout(TIMEOUT)
                .header("content-type", "application/x-protobuf")
                .POST(HttpRequest.BodyPublishers.ofByteArray(read.body()))
                .build();
        if (client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() >= 300) {
          return false;
        }
      } catch (IOException | IllegalArgumentException unreachable) {
        return false;
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        return false;
      }
      if (!read.more()) {
        return true;
      }
      position = read.reached();
    }
  }
}
