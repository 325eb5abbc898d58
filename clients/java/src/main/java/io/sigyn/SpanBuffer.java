package io.sigyn;

import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import javax.net.ssl.SSLContext;

/**
 * The newest finished spans of this process, in a fixed number of bytes, for Sigyn to read. It is not an exporter: it
 * opens no connection, starts no thread (unless {@link #serve} is called), knows no collector, and never slows the app
 * down when nobody reads. Use one buffer for one tracer provider: what it serves carries one Resource, the one set last.
 */
public final class SpanBuffer {
  /** Where Sigyn looks for spans by default. */
  public static final String PATH = "/debug/spans";

  /** Enough for the usual scrape interval, and far below the usual grace period. */
  public static final Duration DRAIN_TIMEOUT = Duration.ofSeconds(5);

  private static final int CAPACITY_BYTES_DEFAULT = 16 << 20;
  private static final int SPAN_BYTES_MAX_DEFAULT = 64 << 10;
  private static final int WAITING_MAX = 4;
  private static final int READING_MAX = 8;

  /** After the first span of a long poll, so that a busy app does not answer for each span alone. */
  private static final int GATHER_MILLIS = 25;

  /** How long an answer that delivered everything waits for the request that says it arrived. */
  private static final Duration CONFIRMATION_GRACE = Duration.ofSeconds(1);

  /** The request that confirms is still to be answered. */
  private static final int FAREWELL_MILLIS = 50;

  /** Programs have a few scopes; what makes one per request must not cost memory. */
  private static final int SCOPES_MAX = 256;

  /** The ring is locked for copying about this much. */
  private static final int SLICE_BYTES = 64 << 10;


  private final String epoch;
  private final int spanBytesMax;
  private final String uid;
  private final LongSupplier clock;
  private final ThreadLocal<Writer> scratch = ThreadLocal.withInitial(() -> new Writer(1024));
  private final AtomicLong dropped = new AtomicLong();
  private final AtomicInteger reading = new AtomicInteger();
  final AtomicInteger waiting = new AtomicInteger();
  private final Map<String, Integer> scopeNumbers = new ConcurrentHashMap<>();
  private final List<byte[]> scopes = new CopyOnWriteArrayList<>();
  private volatile byte[] resource = Otlp.resource(Map.of(), "");
  private volatile boolean draining;

  /** Everything below is behind this lock, which a writer holds for one copy. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition news = lock.newCondition();
  private final Condition progress = lock.newCondition();
  private final Ring ring;
  private final Keep keep;
  private int waiters;
  private long confirmed;
  private long delivered;
  private final FillRate fill = new FillRate();

  private SpanBuffer(Builder builder) {
    byte[] random = new byte[16];
    new SecureRandom().nextBytes(random);
    epoch = java.util.HexFormat.of().formatHex(random);
    ring = new Ring(builder.capacityBytes);
    keep = new Keep(ring.capacityBytes());
    int most = Math.min(builder.spanBytesMax, ring.capacityBytes() / 8);
    spanBytesMax = Math.max(most, Otlp.SPAN_LIMIT_BYTES_MIN);
    uid = builder.uid != null && builder.uid.matches("[ -~]+") ? builder.uid : null;
    clock = builder.clock;
  }

  /** A buffer of 16 MiB, which hold about 40,000 spans of 400 bytes. */
  public static SpanBuffer create() {
    return builder().build();
  }

  /** A buffer of at least 64 KiB. The memory is taken now, in full. */
  public static SpanBuffer create(int capacityBytes) {
    return builder().capacityBytes(capacityBytes).build();
  }

  public static Builder builder() {
    return new Builder();
  }

  /** What can be chosen about a buffer. */
  public static final class Builder {
    private int capacityBytes = CAPACITY_BYTES_DEFAULT;
    private int spanBytesMax = SPAN_BYTES_MAX_DEFAULT;
    private String uid;
    private LongSupplier clock = SpanBuffer::unixNanos;

    private Builder() {}

    public Builder capacityBytes(int capacityBytes) {
      this.capacityBytes = capacityBytes;
      return this;
    }

    /** Above how many encoded bytes a span is cut down. */
    public Builder spanBytesMax(int spanBytesMax) {
      this.spanBytesMax = spanBytesMax;
      return this;
    }

    /** The UID of the pod, as the downward API gives it. What cannot stand in a header is not sent. */
    public Builder uid(String uid) {
      this.uid = uid;
      return this;
    }

    /** Nanoseconds since 1970, for the header {@code sigyn-time}. */
    public Builder clock(LongSupplier clock) {
      this.clock = clock;
      return this;
    }

    public SpanBuffer build() {
      return new SpanBuffer(this);
    }
  }

  static long unixNanos() {
    Instant now = Instant.now();
    return now.getEpochSecond() * 1_000_000_000L + now.getNano();
  }

  String epoch() {
    return epoch;
  }

  // Writing.

  /** For {@code SdkTracerProvider.builder().addSpanProcessor(…)}. */
  public SpanBufferProcessor spanProcessor() {
    return new SpanBufferProcessor(this);
  }

  /** Sets what every answer says about this process. */
  public void setResource(Map<String, ?> attributes, String schemaUrl) {
    resource = Otlp.resource(attributes, schemaUrl);
  }

  /** The number of an instrumentation scope. Beyond 256, all the others are one without a name. */
  public int scope(String name, String version, String schemaUrl, Map<String, ?> attributes) {
    byte[] encoded = Otlp.scope(name, version, schemaUrl, attributes);
    Integer known = scopeNumbers.get(key(encoded));
    if (known != null) {
      return known;
    }
    synchronized (scopes) {
      byte[] taken = scopes.size() < SCOPES_MAX ? encoded : Otlp.scope("", "", "", Map.of());
      return scopeNumbers.computeIfAbsent(
          key(taken),
          missing -> {
            scopes.add(taken);
            return scopes.size() - 1;
          });
    }
  }

  private static String key(byte[] encoded) {
    return new String(encoded, java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  /** Records one finished span of a numbered scope. Never throws. */
  public void record(int scope, SpanRecord span) {
    Writer out = scratch.get();
    out.truncate(0);
    try {
      Otlp.putSpan(out, span, spanBytesMax);
    } catch (RuntimeException unencodable) {
      // Counted, and no reason for an app to fail.
      dropped.incrementAndGet();
      return;
    }
    lock.lock();
    try {
      ring.push(scope, out.array(), out.length());
      if (waiters > 0) {
        news.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** A span that could not be taken. */
  void drop() {
    dropped.incrementAndGet();
  }

  /**
   * Keeps the spans that the exemplars of an OpenMetrics page point at until a reader had them, also those that end
   * while the exemplar is still shown: call it with every page. What is kept takes at most an eighth of the capacity,
   * beside the ring. Recording a span costs the same as without.
   */
  public void keepExemplars(String openMetrics) {
    keep.keep((position, visit) -> walk(position, SLICE_BYTES, visit), Keep.exemplarTraces(openMetrics));
  }

  // Reading.

  /**
   * Spans written since the start; of these overwritten, read or not; not written; bytes held; bytes in all; spans kept
   * for exemplars until a reader had them; of these, given up for want of room.
   */
  public record Stats(
      long recorded,
      long overwritten,
      long dropped,
      int bytes,
      int capacity,
      double overwriteSeconds,
      int kept,
      long keptGivenUp) {
    /** The value of the header {@code sigyn-buffer}. */
    @Override
    public String toString() {
      String format = overwriteSeconds < 10 ? "%.3f" : "%.1f";
      String seconds =
          Double.isInfinite(overwriteSeconds) ? "inf" : String.format(Locale.ROOT, format, overwriteSeconds);
      return "recorded=" + recorded + ", overwritten=" + overwritten + ", dropped=" + dropped + ", bytes=" + bytes
          + ", capacity=" + capacity + ", overwrite_seconds=" + seconds
          + (kept > 0 || keptGivenUp > 0 ? ", kept=" + kept + ", kept_given_up=" + keptGivenUp : "");
    }
  }

  public Stats stats() {
    int kept = keep.size();
    long givenUp = keep.givenUp();
    lock.lock();
    try {
      double seconds = ring.capacityBytes() / fill.look(ring.writtenBytes);
      return new Stats(
          ring.next, ring.first, dropped.get(), ring.heldBytes, ring.capacityBytes(), seconds, kept, givenUp);
    } finally {
      lock.unlock();
    }
  }

  /** What {@code GET /debug/spans?query} answers; waits on this thread if {@code wait} says so. */
  Answer answer(String method, String query, String acceptEncoding) {
    try {
      Pull pull = Pull.parse(method, query, acceptEncoding);
      if (reading.incrementAndGet() > READING_MAX) {
        reading.decrementAndGet();
        throw new Pull.Refusal(429, "as many readers as this buffer allows are reading now: read later");
      }
      try {
        return answer(pull);
      } finally {
        reading.decrementAndGet();
      }
    } catch (Pull.Refusal refusal) {
      return Answer.refusal(refusal.status, refusal.getMessage());
    }
  }

  private Answer answer(Pull pull) throws Pull.Refusal {
    if (!pull.traces.isEmpty()) {
      return found(pull);
    }
    boolean isKnown = pull.cursor == null || pull.cursor.epoch().equals(epoch);
    long position = isKnown && pull.cursor != null ? position(pull.cursor) : 0;
    if (isKnown) {
      if (pull.cursor != null) {
        keep.had(position);
        if (counts(pull)) {
          reached(position, true);
        }
      }
      boolean isFinal = pull.drain && draining;
      if (pull.waitMillis > 0 && !isFinal) {
        waitForNews(position, pull.waitMillis);
      }
    }
    Read read = read(position, pull.maxBytes);
    if (counts(pull)) {
      reached(read.reached, false);
    }
    Map<String, String> stand = new LinkedHashMap<>();
    stand.put("sigyn-cursor", "1." + epoch + "." + Long.toHexString(read.reached));
    stand.put("sigyn-lost", !isKnown ? "unknown" : pull.cursor == null ? "0" : Long.toString(read.lost));
    return respond(pull, stand, read.more, read.body);
  }

  /** All that is held of some traces, wherever readers stand. */
  private Answer found(Pull pull) {
    Body body = new Body(resource, pull.maxBytes);
    boolean[] more = {false};
    Keep.Visit take =
        (sequence, entry) -> {
          more[0] = pull.traces.contains(TraceId.of(entry.span())) && !offer(body, entry);
          return !more[0];
        };
    long first = ends()[0];
    for (Map.Entry<Long, Ring.Entry> kept : keep.between(0, first)) {
      if (!take.take(kept.getKey(), kept.getValue())) {
        break;
      }
    }
    if (!more[0]) {
      walk(first, SLICE_BYTES, take);
    }
    return respond(pull, Map.of("sigyn-filter", "trace_id"), more[0], body.finish());
  }

  private boolean offer(Body body, Ring.Entry entry) {
    return body.offer(entry.scope(), scopes.get(entry.scope()), entry.span());
  }

  private Answer respond(Pull pull, Map<String, String> stand, boolean more, byte[] body) {
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("content-type", "application/x-protobuf");
    headers.put("cache-control", "no-store");
    headers.put("vary", "accept-encoding");
    headers.putAll(stand);
    headers.put("sigyn-more", more ? "1" : "0");
    headers.put("sigyn-time", Long.toString(clock.getAsLong()));
    headers.put("sigyn-buffer", stats() + (draining ? ", draining=1" : ""));
    if (uid != null) {
      headers.put("sigyn-uid", uid);
    }
    if (pull.gzip && body.length > 0) {
      headers.put("content-encoding", "gzip");
      body = pull.head ? new byte[0] : Pull.compressed(body);
    } else {
      headers.put("content-length", Integer.toString(body.length));
    }
    return new Answer(200, headers, pull.head ? new byte[0] : body);
  }

  private long position(Pull.Cursor cursor) throws Pull.Refusal {
    lock.lock();
    try {
      long position = cursor.positions().get(0);
      if (cursor.positions().size() != 1 || Long.compareUnsigned(position, ring.next) > 0) {
        throw new Pull.Refusal(400, Pull.AHEAD);
      }
      return position;
    } finally {
      lock.unlock();
    }
  }

  /** Whether the reader is one to wait for: it says so, or the buffer drains and it has a cursor. */
  private boolean counts(Pull pull) {
    return pull.drain || (draining && pull.cursor != null);
  }

  private void waitForNews(long position, int millis) throws Pull.Refusal {
    lock.lock();
    try {
      if (ring.next > position) {
        return;
      }
      if (waiting.incrementAndGet() > WAITING_MAX) {
        waiting.decrementAndGet();
        throw new Pull.Refusal(
            429, "as many readers as this buffer allows are waiting already: read without wait, or later");
      }
      waiters++;
      try {
        boolean wasDraining = draining;
        long left = millis * 1_000_000L;
        while (left > 0 && ring.next <= position && draining == wasDraining) {
          left = news.awaitNanos(left);
        }
        if (ring.next > position && !draining) {
          progress.awaitNanos(Math.min(GATHER_MILLIS, millis) * 1_000_000L);
        }
      } finally {
        waiters--;
        waiting.decrementAndGet();
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    } finally {
      lock.unlock();
    }
  }

  record Read(byte[] body, long reached, long lost, boolean more) {}

  /** Spans from a position on; changes nothing. */
  Read read(long position, int bytesMax) {
    Body body = new Body(resource, bytesMax);
    long reached = position;
    long lost = 0;
    for (Map.Entry<Long, Ring.Entry> kept : keep.between(position, ends()[0])) {
      lost += kept.getKey() - reached;
      reached = kept.getKey();
      if (!offer(body, kept.getValue())) {
        return new Read(body.finish(), reached, lost, true);
      }
      reached++;
    }
    long[] state = {reached, lost};
    long until =
        walk(
            reached,
            Math.min(SLICE_BYTES, body.roomBytes()),
            (sequence, entry) -> {
              state[1] += sequence - state[0];
              state[0] = sequence;
              if (!offer(body, entry)) {
                return false;
              }
              state[0]++;
              return true;
            });
    return new Read(body.finish(), state[0], state[1], state[0] < until);
  }

  /** Sequence numbers of the oldest entry and of the next one. */
  private long[] ends() {
    lock.lock();
    try {
      return new long[] {ring.first, ring.next};
    } finally {
      lock.unlock();
    }
  }

  /**
   * Shows every entry from a position on that is held when its turn comes, a slice at a time, until the visitor wants no
   * more; returns the number after the last that was held at the start.
   */
  private long walk(long position, int sliceBytes, Keep.Visit visit) {
    long until = ends()[1];
    List<Ring.Entry> slice = new ArrayList<>();
    int offset = -1;
    while (position < until) {
      slice.clear();
      lock.lock();
      try {
        if (offset < 0 || position < ring.first) {
          position = Math.max(position, ring.first);
          offset = ring.offsetOf(position);
        }
        for (int taken = 0; position + slice.size() < until && taken < sliceBytes; ) {
          Ring.Entry entry = ring.entryAt(offset);
          slice.add(entry);
          taken += entry.span().length;
          offset = entry.after();
        }
        ring.mark(position + slice.size(), offset);
      } finally {
        lock.unlock();
      }
      for (Ring.Entry entry : slice) {
        if (!visit.take(position, entry)) {
          return until;
        }
        position++;
      }
    }
    return until;
  }

  /**
   * Serves {@link #PATH} on a port and a few daemon threads of its own; port 0 takes any free one.
   *
   * @throws IOException when the port cannot be bound
   */
  public SpanBufferServer serve(int port) throws IOException {
    return serve("0.0.0.0", port, null, null);
  }

  /** The same on one address; with a token, readers must send it as {@code authorization: Bearer …}. */
  public SpanBufferServer serve(String host, int port, String token) throws IOException {
    return serve(host, port, token, null);
  }

  /** The same over HTTPS, with the certificate of a context; null: over HTTP. */
  public SpanBufferServer serve(String host, int port, String token, SSLContext tls) throws IOException {
    return SpanBufferServer.start(this, host, port, token, tls);
  }

  /** For an {@code HttpServer} of the JDK that the app has already: a context for {@link #PATH}. */
  public HttpHandler handler() {
    return SpanBufferServer.handler(this, null);
  }

  // Ending.

  /**
   * Says that the process is about to end: readers that wait are answered at once. Spans are still recorded and
   * served.
   */
  public void startDraining() {
    draining = true;
    lock.lock();
    try {
      news.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until a reader has everything. */
  public Drain drained(Duration timeout) {
    long deadline = System.nanoTime() + timeout.toNanos();
    long graceUntil = 0;
    lock.lock();
    try {
      while (true) {
        Drain state = drainState();
        long now = System.nanoTime();
        if (state != Drain.DELIVERED) {
          graceUntil = deadline;
        } else if (graceUntil == 0 || graceUntil == deadline) {
          graceUntil = Math.min(deadline, now + CONFIRMATION_GRACE.toNanos());
        }
        long left = Math.min(deadline, graceUntil) - now;
        if (state == Drain.CONFIRMED || left <= 0) {
          return state;
        }
        progress.awaitNanos(left);
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return drainState();
    } finally {
      lock.unlock();
    }
  }

  /** {@link #startDraining} and {@link #drained} with the default time-out, and nothing pushed. */
  public Drain drain() {
    return drain(DRAIN_TIMEOUT, null);
  }

  /**
   * {@link #startDraining} and {@link #drained}; then, if something is unread and {@code pushTo} is an OTLP address
   * ({@code http://collector:4318/v1/traces}), that is pushed there.
   */
  public Drain drain(Duration timeout, String pushTo) {
    startDraining();
    Drain state = drained(timeout);
    if (state == Drain.CONFIRMED) {
      try {
        Thread.sleep(FAREWELL_MILLIS);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
      return state;
    }
    return pushTo != null && Push.push(this, confirmed, pushTo) ? Drain.PUSHED : state;
  }

  /** Drains when the JVM ends, on SIGTERM too. */
  public SpanBuffer drainOnExit(Duration timeout, String pushTo) {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> drain(timeout, pushTo), "sigyn-buffer-drain"));
    return this;
  }

  private Drain drainState() {
    lock.lock();
    try {
      if (ring.next <= confirmed) {
        return Drain.CONFIRMED;
      }
      return ring.next <= delivered ? Drain.DELIVERED : Drain.UNREAD;
    } finally {
      lock.unlock();
    }
  }

  private void reached(long position, boolean isConfirmed) {
    lock.lock();
    try {
      if (isConfirmed) {
        confirmed = Math.max(confirmed, position);
      } else {
        delivered = Math.max(delivered, position);
      }
      progress.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
