package io.sigyn;

import java.util.Collection;
import java.util.Map;
import java.util.function.Consumer;

/**
 * {@code opentelemetry.proto.trace.v1}, encoded once, when a span ends. Field order and cutting are those of the
 * Rust buffer; {@code clients/vectors} holds the bytes.
 */
final class Otlp {
  static final int SPAN_LIMIT_BYTES_MIN = 512;
  static final int SCOPE_BYTES_MAX = 1 << 10;
  static final int REMOTE_KNOWN = 0x100;
  static final int REMOTE = 0x200;

  private static final int RESOURCE_BYTES_MAX = 16 << 10;
  private static final int TEXT_BYTES_MAX = 256;
  private static final int DEPTH_MAX = 16;

  /** KeyValue {key: "sigyn.truncated", value: true}, and room for it and for three counts. */
  private static final byte[] TRUNCATED = {
    0x0a, 0x0f, 's', 'i', 'g', 'y', 'n', '.', 't', 'r', 'u', 'n', 'c', 'a', 't', 'e', 'd', 0x12, 2, 0x10, 1
  };

  private static final int REMARKS_BYTES = 2 + TRUNCATED.length + 3 * 6;

  private Otlp() {}

  /** Appends the span in at most {@code limitBytes}. */
  static void putSpan(Writer out, SpanRecord span, int limitBytes) {
    int start = out.length();
    out.hex(1, span.traceId, 16);
    out.hex(2, span.spanId, 8);
    out.textUnlessEmpty(3, span.traceState);
    if (!span.parentId.isEmpty()) {
      out.hex(4, span.parentId, 8);
    }
    out.textUnlessEmpty(5, span.name);
    out.uintUnlessZero(6, span.kind);
    out.fixed64(7, Math.max(span.startNanos, 0));
    out.fixed64(8, Math.max(span.endNanos, 0));
    if (span.code != 0 || !span.message.isEmpty()) {
      int at = out.begin(15);
      out.textUnlessEmpty(2, span.message);
      out.uintUnlessZero(3, span.code);
      out.finish(at);
    }
    out.fixed32(16, span.flags);
    span.attributes.forEach((key, value) -> putAttribute(out, 9, key, value));
    for (SpanRecord.Event event : span.events) {
      int at = out.begin(11);
      out.fixed64(1, Math.max(event.nanos(), 0));
      out.textUnlessEmpty(2, event.name());
      event.attributes().forEach((key, value) -> putAttribute(out, 3, key, value));
      out.uintUnlessZero(4, event.dropped());
      out.finish(at);
    }
    for (SpanRecord.Link link : span.links) {
      int at = out.begin(13);
      out.hex(1, link.traceId(), 16);
      out.hex(2, link.spanId(), 8);
      out.textUnlessEmpty(3, link.traceState());
      link.attributes().forEach((key, value) -> putAttribute(out, 4, key, value));
      out.uintUnlessZero(5, link.dropped());
      out.fixed32(6, link.flags());
      out.finish(at);
    }
    out.uintUnlessZero(10, span.attributesDropped);
    out.uintUnlessZero(12, span.eventsDropped);
    out.uintUnlessZero(14, span.linksDropped);
    if (out.length() - start > limitBytes - REMARKS_BYTES) {
      Cut cut = new Cut(out.copy(start), limitBytes);
      if (cut.isCut) {
        out.truncate(start);
        out.raw(cut.out);
      }
    }
  }

  /** An encoded span in at most so many bytes (at least 512), marked as cut. */
  static byte[] cut(byte[] span, int limitBytes) {
    return new Cut(span, limitBytes).out.copy(0);
  }

  static void putAttribute(Writer out, int field, String key, Object value) {
    int at = out.begin(field);
    out.text(1, key);
    int inner = out.begin(2);
    putValue(out, value, 0);
    out.finish(inner);
    out.finish(at);
  }

  private static void putValue(Writer out, Object value, int depth) {
    if (value instanceof String text) {
      out.text(1, text);
    } else if (value instanceof Boolean flag) {
      out.uint(2, flag ? 1 : 0);
    } else if (value instanceof Long
        || value instanceof Integer
        || value instanceof Short
        || value instanceof Byte) {
      out.uint(3, ((Number) value).longValue());
    } else if (value instanceof Double || value instanceof Float) {
      out.fixed64(4, Double.doubleToLongBits(((Number) value).doubleValue()));
    } else if (value instanceof byte[] bytes) {
      out.bytes(7, bytes);
    } else if (value instanceof Collection<?> items && depth < DEPTH_MAX) {
      int at = out.begin(5);
      for (Object item : items) {
        int inner = out.begin(1);
        putValue(out, item, depth + 1);
        out.finish(inner);
      }
      out.finish(at);
    } else if (value instanceof Map<?, ?> items && depth < DEPTH_MAX) {
      int at = out.begin(6);
      for (Map.Entry<?, ?> item : items.entrySet()) {
        int pair = out.begin(1);
        out.text(1, String.valueOf(item.getKey()));
        int inner = out.begin(2);
        putValue(out, item.getValue(), depth + 1);
        out.finish(inner);
        out.finish(pair);
      }
      out.finish(at);
    } else if (value != null) {
      out.text(1, value.toString());
    }
  }

  /** The fields {@code scope} and {@code schema_url} of ScopeSpans; the spans follow. */
  static byte[] scope(String name, String version, String schemaUrl, Map<String, ?> attributes) {
    Writer out = new Writer(SCOPE_BYTES_MAX);
    int at = out.begin(1);
    putCut(out, 1, name);
    putCut(out, 2, version);
    putBounded(out, 3, at + SCOPE_BYTES_MAX - (TEXT_BYTES_MAX + 3) - 16, attributes);
    out.finish(at);
    putCut(out, 3, schemaUrl);
    return out.copy(0);
  }

  /** The fields {@code resource} and {@code schema_url} of ResourceSpans; the scopes follow. */
  static byte[] resource(Map<String, ?> attributes, String schemaUrl) {
    Writer out = new Writer(SCOPE_BYTES_MAX);
    int at = out.begin(1);
    putBounded(out, 1, at + RESOURCE_BYTES_MAX - 1024, new java.util.TreeMap<>(attributes));
    out.finish(at);
    putCut(out, 3, schemaUrl);
    return out.copy(0);
  }

  private static void putCut(Writer out, int field, String text) {
    if (text != null && !text.isEmpty()) {
      Writer whole = new Writer(TEXT_BYTES_MAX);
      whole.text(1, text);
      fields(whole.copy(0), each -> out.bytes(field, cutUtf8(each.content, TEXT_BYTES_MAX)));
    }
  }

  private static void putBounded(Writer out, int field, int end, Map<String, ?> attributes) {
    int dropped = 0;
    for (Map.Entry<String, ?> attribute : attributes.entrySet()) {
      int before = out.length();
      putAttribute(out, field, attribute.getKey(), attribute.getValue());
      if (out.length() > end) {
        out.truncate(before);
        dropped++;
      }
    }
    out.uintUnlessZero(field + 1, dropped);
  }

  private static byte[] cutUtf8(byte[] content, int bytesMax) {
    if (content.length <= bytesMax) {
      return content;
    }
    int end = bytesMax;
    while (end > 0 && (content[end] & 0xc0) == 0x80) {
      end--;
    }
    return java.util.Arrays.copyOf(content, end);
  }

  /** One field of a message that was encoded before: the value of a varint, the content of a bytes field. */
  record Field(int number, long value, byte[] content, byte[] whole) {}

  static void fields(byte[] message, Consumer<Field> visit) {
    long[] varint = new long[2];
    for (int at = 0; at < message.length; ) {
      int start = at;
      at = varint(message, at, varint);
      int tag = (int) varint[0];
      long value = 0;
      byte[] content = {};
      switch (tag & 7) {
        case 0 -> {
          at = varint(message, at, varint);
          value = varint[0];
        }
        case 1 -> at += 8;
        case 2 -> {
          at = varint(message, at, varint);
          content = java.util.Arrays.copyOfRange(message, at, at + (int) varint[0]);
          at += (int) varint[0];
        }
        case 5 -> at += 4;
        default -> {
          return;
        }
      }
      visit.accept(new Field(tag >>> 3, value, content, java.util.Arrays.copyOfRange(message, start, at)));
    }
  }

  private static int varint(byte[] message, int at, long[] into) {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      byte next = message[at++];
      value |= (long) (next & 0x7f) << shift;
      if (next >= 0) {
        into[0] = value;
        return at;
      }
    }
  }

  /** A span that loses what does not fit: attributes, events, links, half of long texts. */
  private static final class Cut {
    final Writer out;
    boolean isCut;
    private final long[] missing = new long[3];

    Cut(byte[] span, int limitBytes) {
      out = new Writer(limitBytes);
      int end = limitBytes - REMARKS_BYTES;
      fields(
          span,
          field -> {
            switch (field.number) {
              case 10, 12, 14 -> missing[(field.number - 10) / 2] += field.value;
              case 9, 11, 13 -> {
                if (java.util.Arrays.equals(field.content, TRUNCATED)) {
                  return; // written anew below
                }
                if (out.length() + field.whole.length > end) {
                  missing[(field.number - 9) / 2]++;
                  isCut = true;
                } else {
                  out.raw(field.whole);
                }
              }
              case 3 -> {
                // Half a trace state would be a wrong one.
                if (field.content.length > limitBytes / 8) {
                  isCut = true;
                } else {
                  out.raw(field.whole);
                }
              }
              case 5 -> out.bytes(5, keep(field.content, limitBytes / 4));
              case 15 -> {
                int at = out.begin(15);
                fields(
                    field.content,
                    inner -> {
                      if (inner.number == 2) {
                        out.bytes(2, keep(inner.content, limitBytes / 4));
                      } else {
                        out.raw(inner.whole);
                      }
                    });
                out.finish(at);
              }
              default -> out.raw(field.whole);
            }
          });
      out.bytes(9, TRUNCATED);
      for (int index = 0; index < missing.length; index++) {
        out.uintUnlessZero(10 + 2 * index, Math.min(missing[index], 0xffffffffL));
      }
    }

    private byte[] keep(byte[] content, int bytesMax) {
      byte[] kept = cutUtf8(content, bytesMax);
      isCut |= kept.length < content.length;
      return kept;
    }
  }
}
