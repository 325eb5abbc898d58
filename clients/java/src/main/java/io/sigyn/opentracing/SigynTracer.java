package io.sigyn.opentracing;

import io.opentracing.References;
import io.opentracing.Scope;
import io.opentracing.ScopeManager;
import io.opentracing.Span;
import io.opentracing.SpanContext;
import io.opentracing.Tracer;
import io.opentracing.propagation.BinaryExtract;
import io.opentracing.propagation.BinaryInject;
import io.opentracing.propagation.Format;
import io.opentracing.propagation.TextMapExtract;
import io.opentracing.propagation.TextMapInject;
import io.opentracing.tag.Tag;
import io.opentracing.util.ThreadLocalScopeManager;
import io.sigyn.SpanBuffer;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * An OpenTracing tracer (API 0.33) whose finished spans can be read from {@link #buffer}. Trace contexts of W3C, Jaeger
 * ({@code uber-trace-id}) and B3 are understood, and all are written unless told otherwise, so that a neighbour on an
 * old tracer stays in the trace.
 */
public final class SigynTracer implements Tracer {
  private final SpanBuffer buffer;
  private final int scope;
  private final Set<String> propagation;
  private final ScopeManager scopeManager = new ThreadLocalScopeManager();

  public SigynTracer(String serviceName) {
    this(serviceName, SpanBuffer.create());
  }

  public SigynTracer(String serviceName, SpanBuffer buffer) {
    this(serviceName, buffer, Map.of(), Propagation.FORMATS);
  }

  /** Tags describe the process; propagation is of {@code w3c}, {@code jaeger}, {@code b3}. */
  public SigynTracer(String serviceName, SpanBuffer buffer, Map<String, ?> tags, Set<String> propagation) {
    if (!Propagation.FORMATS.containsAll(propagation)) {
      throw new IllegalArgumentException("propagation knows " + Propagation.FORMATS + ", not all of " + propagation);
    }
    Map<String, Object> resource = new LinkedHashMap<>(tags);
    resource.put("service.name", serviceName);
    buffer.setResource(resource, "");
    this.buffer = buffer;
    this.propagation = propagation;
    scope = buffer.scope("opentracing", "", "", Map.of());
  }

  /** Where finished spans go. */
  public SpanBuffer buffer() {
    return buffer;
  }

  int scope() {
    return scope;
  }

  static long nowMicros() {
    Instant now = Instant.now();
    return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
  }

  @Override
  public ScopeManager scopeManager() {
    return scopeManager;
  }

  @Override
  public Span activeSpan() {
    return scopeManager.activeSpan();
  }

  @Override
  public Scope activateSpan(Span span) {
    return scopeManager.activate(span);
  }

  @Override
  public SpanBuilder buildSpan(String operationName) {
    return new Builder(operationName);
  }

  @Override
  public <C> void inject(SpanContext spanContext, Format<C> format, C carrier) {
    if (!(spanContext instanceof SigynSpanContext context)) {
      return;
    }
    if (carrier instanceof TextMapInject headers) {
      Propagation.inject(context, headers, propagation, format == Format.Builtin.HTTP_HEADERS);
    } else if (carrier instanceof BinaryInject binary) {
      byte[] bytes = Propagation.injectBinary(context);
      binary.injectionBuffer(bytes.length).put(bytes);
    } else {
      throw new IllegalArgumentException("the format " + format + " is not supported");
    }
  }

  @Override
  public <C> SpanContext extract(Format<C> format, C carrier) {
    if (carrier instanceof TextMapExtract headers) {
      return Propagation.extract(headers);
    }
    if (carrier instanceof BinaryExtract binary) {
      ByteBuffer bytes = binary.extractionBuffer().duplicate();
      return Propagation.extractBinary(bytes);
    }
    throw new IllegalArgumentException("the format " + format + " is not supported");
  }

  /** Drains with the default time-out, so that a reader has the last spans. */
  @Override
  public void close() {
    buffer.drain(SpanBuffer.DRAIN_TIMEOUT, null);
  }

  /** Never all zeros, which would mean none. */
  private static String randomId() {
    long id = ThreadLocalRandom.current().nextLong();
    return String.format("%016x", id == 0 ? 1 : id);
  }

  private final class Builder implements SpanBuilder {
    private final String operationName;
    private final List<SigynSpan.Reference> references = new ArrayList<>();
    private final Map<String, Object> tags = new LinkedHashMap<>();
    private long startMicros;
    private boolean ignoresActive;

    Builder(String operationName) {
      this.operationName = operationName;
    }

    @Override
    public SpanBuilder asChildOf(SpanContext parent) {
      return addReference(References.CHILD_OF, parent);
    }

    @Override
    public SpanBuilder asChildOf(Span parent) {
      return parent == null ? this : asChildOf(parent.context());
    }

    @Override
    public SpanBuilder addReference(String type, SpanContext referenced) {
      if (referenced instanceof SigynSpanContext context) {
        references.add(new SigynSpan.Reference(type, context));
      }
      return this;
    }

    @Override
    public SpanBuilder ignoreActiveSpan() {
      ignoresActive = true;
      return this;
    }

    @Override
    public SpanBuilder withTag(String key, String value) {
      tags.put(key, value);
      return this;
    }

    @Override
    public SpanBuilder withTag(String key, boolean value) {
      tags.put(key, value);
      return this;
    }

    @Override
    public SpanBuilder withTag(String key, Number value) {
      tags.put(key, value);
      return this;
    }

    @Override
    public <T> SpanBuilder withTag(Tag<T> tag, T value) {
      tags.put(tag.getKey(), value);
      return this;
    }

    @Override
    public SpanBuilder withStartTimestamp(long microseconds) {
      startMicros = microseconds;
      return this;
    }

    /** The first CHILD_OF is the parent, else the first FOLLOWS_FROM; what is only followed is a link too. */
    @Override
    public Span start() {
      Span active = activeSpan();
      if (references.isEmpty() && !ignoresActive && active != null) {
        asChildOf(active);
      }
      List<SigynSpan.Reference> links = new ArrayList<>();
      Map<String, String> baggage = new LinkedHashMap<>();
      SigynSpanContext parent = null;
      SigynSpanContext followed = null;
      for (SigynSpan.Reference reference : references) {
        SigynSpanContext context = reference.context();
        context.baggage().forEach(baggage::putIfAbsent);
        boolean isChild = reference.type().equals(References.CHILD_OF);
        if (!context.isSpan() || !(isChild || reference.type().equals(References.FOLLOWS_FROM))) {
          continue;
        }
        if (isChild && parent == null) {
          parent = context;
        } else {
          links.add(reference);
          followed = followed == null && !isChild ? context : followed;
        }
      }
      parent = parent == null ? followed : parent;
      SigynSpanContext context =
          parent == null
              ? new SigynSpanContext(
                  randomId() + randomId(), randomId(), SigynSpanContext.SAMPLED, "", false, baggage)
              : new SigynSpanContext(
                  parent.traceId(), randomId(), parent.flags(), parent.traceState(), false, baggage);
      SigynSpan span = new SigynSpan(SigynTracer.this, context, operationName, parent, links, startMicros);
      tags.forEach(span::put);
      return span;
    }
  }
}
