package io.sigyn;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** What goes back over HTTP. */
record Answer(int status, Map<String, String> headers, byte[] body) {
  static Answer refusal(int status, String text) {
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("content-type", "text/plain; charset=utf-8");
    headers.put("cache-control", "no-store");
    switch (status) {
      case 401 -> headers.put("www-authenticate", "Bearer");
      case 405 -> headers.put("allow", "GET, HEAD");
      case 429 -> headers.put("retry-after", "1");
      default -> {}
    }
    return new Answer(status, headers, (text + "\n").getBytes(StandardCharsets.UTF_8));
  }
}
