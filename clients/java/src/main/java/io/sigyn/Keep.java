package io.sigyn;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Spans that an exemplar points at, kept past their place in the ring until a reader had them. Recording knows nothing
 * of this: who shows metrics looks the spans of its exemplars up in the ring and puts copies here, and a read from
 * before the oldest span held finds them. Its lock is taken before the buffer's, never after.
 */
final class Keep {
  /** Exemplars of one page that are looked up at most. */
  private static final int TRACES_MAX = 10_000;

  /** Copies take at most this part of the capacity, beside the ring. */
  private static final int CAPACITY_PER_KEPT = 8;

  /** What a copy takes with its places in the collections, roughly. */
  private static final int OVERHEAD_BYTES = 128;

  /** How apps write the label that names a trace. */
  private static final Pattern LABEL =
      Pattern.compile("(?:^|[, \"])(?:trace_id|traceID|TraceID|traceId)\"*=\"([0-9a-fA-F]{1,32})\"");

  private final int bytesMax;

  /** What the last page pointed at, and up to where it was looked for. */
  private Set<TraceId> traces = Set.of();

  private long looked;

  /** A reader that came back has everything before. */
  private long had;

  /** By sequence number. */
  private final TreeMap<Long, Ring.Entry> spans = new TreeMap<>();

  private int bytes;
  private long givenUp;

  Keep(int capacityBytes) {
    bytesMax = capacityBytes / CAPACITY_PER_KEPT;
  }

  /** Not a parser of the format: a text that only looks like an exemplar costs one look-up. */
  static Set<TraceId> exemplarTraces(String openMetrics) {
    Set<TraceId> traces = new HashSet<>();
    for (Iterator<String> lines = openMetrics.lines().iterator(); lines.hasNext() && traces.size() < TRACES_MAX; ) {
      String line = lines.next();
      int at = line.startsWith("#") ? -1 : line.lastIndexOf(" # {");
      if (at >= 0) {
        Matcher found = LABEL.matcher(line.substring(at + 4));
        TraceId trace = found.find() ? TraceId.parse(found.group(1)) : null;
        if (trace != null) {
          traces.add(trace);
        }
      }
    }
    return traces;
  }

  /** Shows entries from a position on to somebody, and says up to where there were any. */
  interface Walk {
    long walk(long position, Visit visit);
  }

  /** Takes one entry; false: it wants no more. */
  interface Visit {
    boolean take(long sequence, Ring.Entry entry);
  }

  /**
   * Copies what no reader had yet of the spans of these traces. Spans of the traces named last time that came since are
   * copied too, for as long as their exemplars are shown.
   */
  synchronized void keep(Walk ring, Set<TraceId> shown) {
    Set<TraceId> fresh = new HashSet<>(shown);
    fresh.removeAll(traces);
    traces = shown;
    while (!spans.isEmpty() && spans.firstKey() < had) {
      drop();
    }
    long lookedBefore = looked;
    looked =
        ring.walk(
            Math.max(had, fresh.isEmpty() ? looked : 0),
            (sequence, entry) -> {
              Set<TraceId> wanted = sequence < lookedBefore ? fresh : shown;
              if (wanted.contains(TraceId.of(entry.span())) && spans.putIfAbsent(sequence, entry) == null) {
                bytes += entry.span().length + OVERHEAD_BYTES;
              }
              return true;
            });
    for (; bytes > bytesMax; givenUp++) {
      drop();
    }
  }

  private void drop() {
    bytes -= spans.pollFirstEntry().getValue().span().length + OVERHEAD_BYTES;
  }

  /** A reader has everything before this position. */
  synchronized void had(long position) {
    had = Math.max(had, position);
  }

  /** The copies of a range of sequence numbers, oldest first. */
  synchronized List<Map.Entry<Long, Ring.Entry>> between(long begin, long until) {
    return begin >= until ? List.of() : new ArrayList<>(spans.subMap(begin, until).entrySet());
  }

  synchronized int size() {
    return spans.size();
  }

  synchronized long givenUp() {
    return givenUp;
  }
}
