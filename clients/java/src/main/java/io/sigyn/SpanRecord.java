package io.sigyn;

import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/** A finished span, whichever API made it: what a tracer hands to {@link SpanBuffer#record}. IDs are hexadecimal. */
public final class SpanRecord {
  /** Flags beside the trace flags: whether the parent (or linked span) is remote is known; and that it is. */
  public static final int REMOTE_KNOWN = 0x100;

  public static final int REMOTE = 0x200;

  /** Attributes that are walked over once. */
  @FunctionalInterface
  public interface Attributes {
    void forEach(BiConsumer<String, Object> visit);

    static Attributes of(Map<String, ?> map) {
      return visit -> map.forEach(visit);
    }
  }

  /** A moment within a span, in nanoseconds since 1970. */
  public record Event(long nanos, String name, Attributes attributes, int dropped) {}

  /** A pointer to another span. */
  public record Link(
      String traceId, String spanId, String traceState, int flags, Attributes attributes, int dropped) {}

  public String traceId = "";
  public String spanId = "";

  /** Empty for a root. */
  public String parentId = "";

  public String traceState = "";
  public String name = "";

  /** As in OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  public int kind = 1;

  public long startNanos;
  public long endNanos;

  /** 0 unset, 1 ok, 2 error. */
  public int code;

  public String message = "";
  public int flags;
  public Attributes attributes = visit -> {};
  public int attributesDropped;
  public List<Event> events = List.of();
  public int eventsDropped;
  public List<Link> links = List.of();
  public int linksDropped;
}
