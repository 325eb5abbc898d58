package io.sigyn;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The body of one answer: spans grouped by scope, never above the limit. A limit too small for the Resource, a scope
 * and the rest of one cut-down span is raised to that; otherwise no read would ever go on.
 */
final class Body {
  private static final int PREFIX_BYTES = 1 + 5;

  private final byte[] resource;
  private final Map<Integer, Group> groups = new LinkedHashMap<>();
  private final int roomBytesEmpty;
  private int roomBytes;

  private record Group(byte[] scope, Writer spans) {}

  Body(byte[] resource, int bytesMax) {
    this.resource = resource;
    int rest = Otlp.SCOPE_BYTES_MAX + Otlp.SPAN_LIMIT_BYTES_MIN + 2 * PREFIX_BYTES;
    roomBytes = Math.max(bytesMax - resource.length - PREFIX_BYTES, rest);
    roomBytesEmpty = roomBytes;
  }

  int roomBytes() {
    return roomBytes;
  }

  /** Takes the span if it fits; one that would not fit even an empty body is cut down. */
  boolean offer(int number, byte[] scope, byte[] span) {
    Group group = groups.get(number);
    int scopeBytes = group == null ? PREFIX_BYTES + scope.length : 0;
    int whole = scopeBytes + fieldBytes(span.length);
    if (whole > roomBytesEmpty) {
      int limit = roomBytes - scopeBytes - PREFIX_BYTES;
      if (limit < Otlp.SPAN_LIMIT_BYTES_MIN) {
        return false;
      }
      span = Otlp.cut(span, limit);
    } else if (whole > roomBytes) {
      return false;
    }
    if (group == null) {
      group = new Group(scope, new Writer(4096));
      groups.put(number, group);
    }
    group.spans.bytes(2, span);
    roomBytes -= scopeBytes + fieldBytes(span.length);
    return true;
  }

  /** One ExportTraceServiceRequest; empty when there is nothing new. */
  byte[] finish() {
    if (groups.isEmpty()) {
      return new byte[0];
    }
    int size = resource.length;
    for (Group group : groups.values()) {
      size += fieldBytes(group.scope.length + group.spans.length());
    }
    Writer out = new Writer(size + PREFIX_BYTES);
    out.varint(1 << 3 | 2);
    out.varint(size);
    out.raw(resource);
    for (Group group : groups.values()) {
      out.varint(2 << 3 | 2);
      out.varint(group.scope.length + group.spans.length());
      out.raw(group.scope);
      out.raw(group.spans);
    }
    return out.copy(0);
  }

  private static int fieldBytes(int length) {
    int bytes = 2 + length;
    for (int rest = length; rest >= 0x80; rest >>>= 7) {
      bytes++;
    }
    return bytes;
  }
}
