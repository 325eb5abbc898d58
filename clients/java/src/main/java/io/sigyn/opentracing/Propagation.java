package io.sigyn.opentracing;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.opentracing.propagation.TextMapExtract;
import io.opentracing.propagation.TextMapInject;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Trace contexts in carriers: W3C, Jaeger and B3; baggage with the first two. */
final class Propagation {
  static final Set<String> FORMATS = Set.of("w3c", "jaeger", "b3");

  private static final int BAGGAGE_BYTES_MAX = 8192;
  private static final int BAGGAGE_ITEMS_MAX = 64;
  private static final String UBER_BAGGAGE = "uberctx-";
  private static final Pattern TRACEPARENT =
      Pattern.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?");
  private static final Pattern UBER = Pattern.compile("([0-9a-f]{1,32}):([0-9a-f]{1,16}):[^:]*:([0-9a-fA-F]{1,2})");
  private static final Pattern TOKEN = Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+");

  private Propagation() {}

  static void inject(SigynSpanContext context, TextMapInject carrier, Set<String> formats, boolean isHttp) {
    Map<String, String> baggage = context.baggage();
    int sampled = context.flags() & SigynSpanContext.SAMPLED;
    if (formats.contains("w3c")) {
      carrier.put("traceparent", "00-" + context.traceId() + "-" + context.spanId() + "-0" + sampled);
      if (!context.traceState().isEmpty()) {
        carrier.put("tracestate", context.traceState());
      }
      StringJoiner items = new StringJoiner(",");
      baggage.forEach((key, value) -> items.add(escape(key) + "=" + escape(value)));
      if (items.length() > 0 && items.length() <= BAGGAGE_BYTES_MAX) {
        carrier.put("baggage", items.toString());
      }
    }
    if (formats.contains("jaeger")) {
      // Parent IDs went out of use there; 0 stands in their place.
      carrier.put("uber-trace-id", context.traceId() + ":" + context.spanId() + ":0:" + (context.flags() & 3));
      baggage.forEach(
          (key, value) -> {
            if (!isHttp) {
              carrier.put(UBER_BAGGAGE + key, value);
            } else if (TOKEN.matcher(key).matches()) {
              carrier.put(UBER_BAGGAGE + key, escape(value));
            }
          });
    }
    if (formats.contains("b3")) {
      carrier.put("x-b3-traceid", context.traceId());
      carrier.put("x-b3-spanid", context.spanId());
      carrier.put("x-b3-sampled", Integer.toString(sampled));
    }
  }

  /** The first of W3C, Jaeger, B3 that is there and sound; baggage of any. Null: the trace begins here. */
  static SigynSpanContext extract(TextMapExtract carrier) {
    Map<String, String> headers = new LinkedHashMap<>();
    for (Map.Entry<String, String> header : carrier) {
      headers.put(header.getKey().toLowerCase(Locale.ROOT), String.valueOf(header.getValue()).trim());
    }
    Map<String, String> baggage = baggage(headers);
    SigynSpanContext found = fromW3c(headers, baggage);
    found = found != null ? found : fromJaeger(headers, baggage);
    found = found != null ? found : fromB3(headers, baggage);
    if (found != null || baggage.isEmpty()) {
      return found;
    }
    return new SigynSpanContext("0".repeat(32), "0".repeat(16), SigynSpanContext.SAMPLED, "", true, baggage);
  }

  private static SigynSpanContext found(
      String trace, String span, int flags, String traceState, Map<String, String> baggage) {
    String traceId = "0".repeat(32 - trace.length()) + trace;
    String spanId = "0".repeat(16 - span.length()) + span;
    boolean isSound = !traceId.matches("0+") && !spanId.matches("0+");
    return isSound ? new SigynSpanContext(traceId, spanId, flags, traceState, true, baggage) : null;
  }

  private static SigynSpanContext fromW3c(Map<String, String> headers, Map<String, String> baggage) {
    Matcher match = TRACEPARENT.matcher(headers.getOrDefault("traceparent", ""));
    if (!match.matches() || match.group(1).equals("ff") || (match.group(1).equals("00") && match.group(5) != null)) {
      return null;
    }
    int flags = Integer.parseInt(match.group(4), 16) & SigynSpanContext.SAMPLED;
    return found(match.group(2), match.group(3), flags, headers.getOrDefault("tracestate", ""), baggage);
  }

  private static SigynSpanContext fromJaeger(Map<String, String> headers, Map<String, String> baggage) {
    Matcher match = UBER.matcher(unescape(headers.getOrDefault("uber-trace-id", "")));
    return match.matches()
        ? found(match.group(1), match.group(2), Integer.parseInt(match.group(3), 16) & 3, "", baggage)
        : null;
  }

  private static SigynSpanContext fromB3(Map<String, String> headers, Map<String, String> baggage) {
    String[] single = headers.getOrDefault("b3", "").toLowerCase(Locale.ROOT).split("-");
    SigynSpanContext found =
        single.length < 2 ? null : b3(single[0], single[1], single.length > 2 ? single[2] : "1", "", baggage);
    if (found != null) {
      return found;
    }
    String trace = headers.getOrDefault("x-b3-traceid", "").toLowerCase(Locale.ROOT);
    String span = headers.getOrDefault("x-b3-spanid", "").toLowerCase(Locale.ROOT);
    String sampled = headers.getOrDefault("x-b3-sampled", "1").toLowerCase(Locale.ROOT);
    return b3(trace, span, sampled, headers.getOrDefault("x-b3-flags", ""), baggage);
  }

  private static SigynSpanContext b3(
      String trace, String span, String sampled, String flags, Map<String, String> baggage) {
    if (!trace.matches("(?:[0-9a-f]{16}){1,2}") || !span.matches("[0-9a-f]{16}")) {
      return null;
    }
    if (sampled.equals("d") || flags.equals("1")) {
      return found(trace, span, SigynSpanContext.SAMPLED | SigynSpanContext.DEBUG, "", baggage);
    }
    boolean isRefused = sampled.equals("0") || sampled.equals("false");
    return found(trace, span, isRefused ? 0 : SigynSpanContext.SAMPLED, "", baggage);
  }

  private static Map<String, String> baggage(Map<String, String> headers) {
    Map<String, String> baggage = new LinkedHashMap<>();
    headers.forEach(
        (key, value) -> {
          if (key.startsWith(UBER_BAGGAGE)) {
            put(baggage, key.substring(UBER_BAGGAGE.length()), unescape(value));
          }
        });
    // Jaeger's way to set baggage by hand.
    for (String item : headers.getOrDefault("jaeger-baggage", "").split(",")) {
      int at = item.indexOf('=');
      if (at > 0) {
        put(baggage, item.substring(0, at).trim(), item.substring(at + 1).trim());
      }
    }
    String text = headers.getOrDefault("baggage", "");
    for (String member : text.length() <= BAGGAGE_BYTES_MAX ? text.split(",") : new String[0]) {
      String pair = member.split(";", 2)[0];
      int at = pair.indexOf('=');
      if (at > 0) {
        put(baggage, unescape(pair.substring(0, at).trim()), unescape(pair.substring(at + 1).trim()));
      }
    }
    return baggage;
  }

  private static void put(Map<String, String> baggage, String key, String value) {
    if (!key.isEmpty() && (baggage.containsKey(key) || baggage.size() < BAGGAGE_ITEMS_MAX)) {
      baggage.put(key, value);
    }
  }

  private static String escape(String text) {
    return URLEncoder.encode(text, UTF_8).replace("+", "%20");
  }

  private static String unescape(String text) {
    try {
      return URLDecoder.decode(text.replace("+", "%2B"), UTF_8);
    } catch (IllegalArgumentException undecodable) {
      return text;
    }
  }

  /** The layout of Jaeger's Go client: trace ID, span ID, parent ID, flags, baggage. */
  static byte[] injectBinary(SigynSpanContext context) {
    int size = 37;
    for (Map.Entry<String, String> item : context.baggage().entrySet()) {
      size += 8 + item.getKey().getBytes(UTF_8).length + item.getValue().getBytes(UTF_8).length;
    }
    ByteBuffer out = ByteBuffer.allocate(size);
    out.put(HexFormat.of().parseHex(context.traceId() + context.spanId())).putLong(0);
    out.put((byte) (context.flags() & 3)).putInt(context.baggage().size());
    for (Map.Entry<String, String> item : context.baggage().entrySet()) {
      for (String text : new String[] {item.getKey(), item.getValue()}) {
        byte[] bytes = text.getBytes(UTF_8);
        out.putInt(bytes.length).put(bytes);
      }
    }
    return out.array();
  }

  /** Null for anything that is not whole. */
  static SigynSpanContext extractBinary(ByteBuffer in) {
    if (in.remaining() < 37) {
      return null;
    }
    byte[] ids = new byte[24];
    in.get(ids);
    in.getLong();
    String hex = HexFormat.of().formatHex(ids);
    int flags = in.get() & 3;
    int count = in.getInt();
    if (count < 0 || count > BAGGAGE_ITEMS_MAX) {
      return null;
    }
    String[] texts = new String[2 * count];
    for (int index = 0; index < texts.length; index++) {
      if (in.remaining() < 4) {
        return null;
      }
      int length = in.getInt();
      if (length < 0 || length > in.remaining()) {
        return null;
      }
      byte[] bytes = new byte[length];
      in.get(bytes);
      texts[index] = new String(bytes, UTF_8);
    }
    Map<String, String> baggage = new LinkedHashMap<>();
    for (int index = 0; index < texts.length; index += 2) {
      baggage.put(texts[index], texts[index + 1]);
    }
    return found(hex.substring(0, 32), hex.substring(32), flags, "", baggage);
  }
}
