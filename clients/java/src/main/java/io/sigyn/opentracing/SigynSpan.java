package io.sigyn.opentracing;

import io.opentracing.Span;
import io.opentracing.tag.Tag;
import io.sigyn.SpanRecord;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A span of {@link SigynTracer}. Any thread may use it; what is set after {@code finish} is left out. */
public final class SigynSpan implements Span {
  private static final Map<String, Integer> KINDS = Map.of("server", 2, "client", 3, "producer", 4, "consumer", 5);

  /** An event that tells of an error says so under OpenTelemetry's names. */
  private static final Map<String, String> ERROR_FIELDS =
      Map.of("error.kind", "exception.type", "message", "exception.message", "stack", "exception.stacktrace");

  record Reference(String type, SigynSpanContext context) {}

  private final SigynTracer tracer;
  private final SigynSpanContext parent;
  private final List<Reference> links;
  private final long startMicros;

  /** Without times of the caller's, durations come from the monotonic clock. */
  private final long startMonotonicNanos;

  private final Map<String, Object> tags = new LinkedHashMap<>();
  private final List<SpanRecord.Event> events = new ArrayList<>();
  private SigynSpanContext context;
  private String operationName;
  private boolean isFinished;

  SigynSpan(
      SigynTracer tracer,
      SigynSpanContext context,
      String operationName,
      SigynSpanContext parent,
      List<Reference> links,
      long startMicros) {
    this.tracer = tracer;
    this.context = context;
    this.operationName = operationName;
    this.parent = parent;
    this.links = links;
    long nowMicros = SigynTracer.nowMicros();
    this.startMicros = startMicros == 0 ? nowMicros : startMicros;
    startMonotonicNanos = System.nanoTime() - (nowMicros - this.startMicros) * 1000;
  }

  @Override
  public synchronized SigynSpanContext context() {
    return context;
  }

  @Override
  public Span setTag(String key, String value) {
    return put(key, value);
  }

  @Override
  public Span setTag(String key, boolean value) {
    return put(key, value);
  }

  @Override
  public Span setTag(String key, Number value) {
    return put(key, value);
  }

  @Override
  public <T> Span setTag(Tag<T> tag, T value) {
    tag.set(this, value);
    return this;
  }

  synchronized Span put(String key, Object value) {
    if (key.equals("sampling.priority") && value instanceof Number priority) {
      // The wish is passed on; this buffer keeps every span.
      int flags = context.flags() & ~SigynSpanContext.SAMPLED;
      flags |= priority.intValue() > 0 ? SigynSpanContext.SAMPLED : 0;
      context = with(flags, context.baggage());
    }
    tags.put(key, value);
    return this;
  }

  private SigynSpanContext with(int flags, Map<String, String> baggage) {
    return new SigynSpanContext(context.traceId(), context.spanId(), flags, context.traceState(), false, baggage);
  }

  @Override
  public Span log(Map<String, ?> fields) {
    return log(micros(), fields);
  }

  @Override
  public synchronized Span log(long timestampMicroseconds, Map<String, ?> fields) {
    events.add(event(timestampMicroseconds, fields));
    return this;
  }

  @Override
  public Span log(String event) {
    return log(Map.of("event", event));
  }

  @Override
  public Span log(long timestampMicroseconds, String event) {
    return log(timestampMicroseconds, Map.of("event", event));
  }

  @Override
  public synchronized Span setBaggageItem(String key, String value) {
    Map<String, String> baggage = new LinkedHashMap<>(context.baggage());
    baggage.put(key, value);
    context = with(context.flags(), baggage);
    return this;
  }

  @Override
  public synchronized String getBaggageItem(String key) {
    return context.baggage().get(key);
  }

  @Override
  public synchronized Span setOperationName(String name) {
    operationName = name;
    return this;
  }

  @Override
  public void finish() {
    finish(micros());
  }

  @Override
  public synchronized void finish(long finishMicros) {
    if (isFinished) {
      return;
    }
    isFinished = true;
    SpanRecord record = new SpanRecord();
    record.traceId = context.traceId();
    record.spanId = context.spanId();
    record.parentId = parent == null ? "" : parent.spanId();
    record.traceState = context.traceState();
    record.name = operationName == null ? "" : operationName;
    record.startNanos = startMicros * 1000;
    record.endNanos = finishMicros * 1000;
    record.flags = flags(context, parent);
    Integer kind = KINDS.get(String.valueOf(tags.get("span.kind")));
    if (kind != null) {
      record.kind = kind;
      tags.remove("span.kind");
    }
    String error = String.valueOf(tags.get("error"));
    if (error.equals("true") || error.equals("false")) {
      record.code = error.equals("true") ? 2 : 1;
      tags.remove("error");
    }
    record.attributes = SpanRecord.Attributes.of(tags);
    record.events = events;
    List<SpanRecord.Link> linked = new ArrayList<>(links.size());
    for (Reference link : links) {
      SigynSpanContext other = link.context;
      SpanRecord.Attributes type = visit -> visit.accept("opentracing.ref_type", link.type);
      linked.add(
          new SpanRecord.Link(other.traceId(), other.spanId(), other.traceState(), flags(other, other), type, 0));
    }
    record.links = linked;
    tracer.buffer().record(tracer.scope(), record);
  }

  private long micros() {
    return startMicros + (System.nanoTime() - startMonotonicNanos) / 1000;
  }

  private static int flags(SigynSpanContext own, SigynSpanContext remote) {
    int flags = own.flags() & 0xff | SpanRecord.REMOTE_KNOWN;
    return remote != null && remote.isRemote() ? flags | SpanRecord.REMOTE : flags;
  }

  private static SpanRecord.Event event(long micros, Map<String, ?> fields) {
    Map<String, Object> attributes = new LinkedHashMap<>(fields);
    if (!(fields.get("event") instanceof String name)) {
      return new SpanRecord.Event(micros * 1000, "log", SpanRecord.Attributes.of(attributes), 0);
    }
    attributes.remove("event");
    if (!name.equals("error")) {
      return new SpanRecord.Event(micros * 1000, name, SpanRecord.Attributes.of(attributes), 0);
    }
    Map<String, Object> renamed = new LinkedHashMap<>();
    attributes.forEach(
        (key, value) -> {
          if (key.equals("error.object") && value instanceof Throwable thrown) {
            // What the log does not say itself.
            StringWriter stack = new StringWriter();
            thrown.printStackTrace(new PrintWriter(stack));
            renamed.putIfAbsent("exception.type", thrown.getClass().getName());
            renamed.putIfAbsent("exception.message", String.valueOf(thrown.getMessage()));
            renamed.putIfAbsent("exception.stacktrace", stack.toString());
          } else {
            renamed.put(ERROR_FIELDS.getOrDefault(key, key), value);
          }
        });
    return new SpanRecord.Event(micros * 1000, "exception", SpanRecord.Attributes.of(renamed), 0);
  }
}
