package io.sigyn;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;

/** One request of the pull protocol: what is asked, and the refusals. */
final class Pull {
  private static final int MAX_BYTES_MAX = 16 << 20;
  private static final int WAIT_MILLIS_MAX = 30_000;
  private static final int QUOTED_CHARS_MAX = 40;
  private static final int TOKEN_BYTES_MAX = 2048;

  /** Traces of one question at most. */
  private static final int TRACES_MAX = 64;

  private static final Pattern CURSOR = Pattern.compile("1\\.([0-9a-f]{32})((?:\\.[0-9a-f]{1,16})+)");
  private static final String UNIT = "(ns|us|µs|ms|s|m|h|d)";
  private static final String NUMBER = "([0-9]+\\.?[0-9]*|\\.[0-9]+)";
  private static final Pattern DURATION = Pattern.compile("(?:" + NUMBER + UNIT + ")+");
  private static final Pattern PART = Pattern.compile(NUMBER + UNIT);
  private static final Map<String, Double> UNIT_MILLIS =
      Map.of("ns", 1e-6, "us", 1e-3, "µs", 1e-3, "ms", 1.0, "s", 1e3, "m", 60e3, "h", 3600e3, "d", 86400e3);

  static final String MALFORMED =
      "the cursor is not one that a span buffer gives out: pass back the sigyn-cursor header as it came, or leave it"
          + " away to begin with the oldest span";
  static final String AHEAD =
      "the cursor points past what this buffer has recorded: leave it away to begin with the oldest span";

  /** Where a reader stands: an epoch (one life of the buffer) and the first span not yet seen of each shard. */
  record Cursor(String epoch, List<Long> positions) {}

  /** A status and the sentence that says why. */
  static final class Refusal extends Exception {
    final int status;

    Refusal(int status, String text) {
      super(text, null, false, false);
      this.status = status;
    }
  }

  Cursor cursor;
  int maxBytes = 4 << 20;
  int waitMillis;
  boolean drain;

  /** All that is held of these instead of what is new. */
  final Set<TraceId> traces = new HashSet<>();

  boolean head;
  boolean gzip;

  /** Unknown parameters are left alone, so that later readers can say more. */
  static Pull parse(String method, String query, String acceptEncoding) throws Refusal {
    if (!method.equals("GET") && !method.equals("HEAD")) {
      throw new Refusal(405, "spans are read with GET or HEAD, not with " + method);
    }
    Pull pull = new Pull();
    pull.head = method.equals("HEAD");
    pull.gzip = acceptsGzip(acceptEncoding == null ? "" : acceptEncoding);
    int named = 0;
    for (String pair : (query == null ? "" : query).split("&")) {
      int separator = pair.indexOf('=');
      String name = separator < 0 ? pair : pair.substring(0, separator);
      String value = separator < 0 ? "" : decode(pair.substring(separator + 1));
      switch (name) {
        case "cursor" -> pull.cursor = value.isEmpty() ? pull.cursor : cursor(value);
        case "max_bytes" -> {
          if (!value.matches("[0-9]+")) {
            throw new Refusal(400, "max_bytes is a number of bytes such as 4194304, not " + quote(value));
          }
          pull.maxBytes = (int) Math.min(Double.parseDouble(value), MAX_BYTES_MAX);
        }
        case "wait" -> pull.waitMillis = duration(value);
        case "drain" -> {
          if (!value.matches("1|true|0|false|")) {
            throw new Refusal(400, "drain is 1 or 0, not " + quote(value));
          }
          pull.drain = value.equals("1") || value.equals("true");
        }
        case "trace_id" -> {
          for (String text : value.split(",", -1)) {
            pull.traces.add(trace(text));
            named++;
          }
          if (named > TRACES_MAX) {
            throw new Refusal(
                400, named + " traces are more than the " + TRACES_MAX + " that one read may ask for");
          }
        }
        default -> {}
      }
    }
    return pull;
  }

  private static TraceId trace(String text) throws Refusal {
    TraceId trace = TraceId.parse(text);
    if (trace == null) {
      String allowed = "1 to 32 hexadecimal digits, or several of these with commas between them";
      throw new Refusal(400, "trace_id is " + allowed + ", not " + quote(text));
    }
    return trace;
  }

  private static String decode(String value) {
    try {
      return URLDecoder.decode(value.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException undecodable) {
      return value; // refused by whoever reads it
    }
  }

  private static Cursor cursor(String token) throws Refusal {
    Matcher match = CURSOR.matcher(token);
    if (token.length() > TOKEN_BYTES_MAX || !match.matches()) {
      throw new Refusal(400, MALFORMED);
    }
    List<Long> positions = new ArrayList<>();
    for (String position : match.group(2).substring(1).split("\\.")) {
      positions.add(Long.parseUnsignedLong(position, 16));
    }
    return new Cursor(match.group(1), positions);
  }

  private static int duration(String text) throws Refusal {
    if (text.equals("0")) {
      return 0;
    }
    if (!DURATION.matcher(text).matches()) {
      throw new Refusal(400, "wait is a duration such as 10s or 500ms, not " + quote(text));
    }
    double millis = 0;
    for (Matcher part = PART.matcher(text); part.find(); ) {
      millis += Double.parseDouble(part.group(1)) * UNIT_MILLIS.get(part.group(2));
    }
    return (int) Math.min(millis, WAIT_MILLIS_MAX);
  }

  private static String quote(String value) {
    String cut = value.substring(0, Math.min(value.length(), QUOTED_CHARS_MAX));
    return '"' + cut.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\r", "\\r") + '"';
  }

  private static boolean acceptsGzip(String acceptEncoding) {
    for (String item : acceptEncoding.toLowerCase(Locale.ROOT).split(",")) {
      String[] parts = item.split(";", 2);
      String coding = parts[0].trim();
      boolean refused = parts.length > 1 && parts[1].replace(" ", "").matches("q=0(\\.0*)?");
      if (!refused && (coding.equals("gzip") || coding.equals("x-gzip"))) {
        return true;
      }
    }
    return false;
  }

  /** The fastest level: bytes on the wire are cheap beside a pod's share of a core. */
  static byte[] compressed(byte[] body) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(body.length / 2);
    try (GZIPOutputStream gzip =
        new GZIPOutputStream(out) {
          {
            def.setLevel(Deflater.BEST_SPEED);
          }
        }) {
      gzip.write(body);
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
    return out.toByteArray();
  }
}
