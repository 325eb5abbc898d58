package io.sigyn;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.common.InstrumentationScopeInfo;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.ReadWriteSpan;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.data.EventData;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.data.SpanData;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Records every span that ends, sampled or record-only; made by {@link SpanBuffer#spanProcessor}. */
public final class SpanBufferProcessor implements SpanProcessor {
  private static final int SCOPES_MAX = 256;

  private final SpanBuffer buffer;
  private final Map<InstrumentationScopeInfo, Integer> scopes = new ConcurrentHashMap<>();
  private volatile Resource resource;

  SpanBufferProcessor(SpanBuffer buffer) {
    this.buffer = buffer;
  }

  @Override
  public void onStart(Context parentContext, ReadWriteSpan span) {}

  @Override
  public boolean isStartRequired() {
    return false;
  }

  @Override
  public void onEnd(ReadableSpan span) {
    try {
      record(span.toSpanData());
    } catch (RuntimeException unreadable) {
      buffer.drop();
    }
  }

  @Override
  public boolean isEndRequired() {
    return true;
  }

  /** Marks the buffer as draining. What it holds can still be read. */
  @Override
  public CompletableResultCode shutdown() {
    buffer.startDraining();
    return CompletableResultCode.ofSuccess();
  }

  void record(SpanData span) {
    if (span.getResource() != resource) {
      resource = span.getResource();
      buffer.setResource(mapOf(resource.getAttributes()), resource.getSchemaUrl());
    }
    SpanContext context = span.getSpanContext();
    SpanContext parent = span.getParentSpanContext();
    SpanRecord record = new SpanRecord();
    record.traceId = context.getTraceId();
    record.spanId = context.getSpanId();
    record.parentId = parent.isValid() ? parent.getSpanId() : "";
    record.traceState = textOf(context.getTraceState());
    record.name = span.getName();
    record.kind = span.getKind().ordinal() + 1;
    record.startNanos = span.getStartEpochNanos();
    record.endNanos = span.getEndEpochNanos();
    record.code = span.getStatus().getStatusCode().ordinal();
    record.message = span.getStatus().getDescription();
    record.flags = flags(context, parent);
    record.attributes = walk(span.getAttributes());
    record.attributesDropped = span.getTotalAttributeCount() - span.getAttributes().size();
    if (!span.getEvents().isEmpty()) {
      List<SpanRecord.Event> events = new ArrayList<>(span.getEvents().size());
      for (EventData event : span.getEvents()) {
        int dropped = event.getTotalAttributeCount() - event.getAttributes().size();
        events.add(new SpanRecord.Event(event.getEpochNanos(), event.getName(), walk(event.getAttributes()), dropped));
      }
      record.events = events;
    }
    record.eventsDropped = span.getTotalRecordedEvents() - span.getEvents().size();
    if (!span.getLinks().isEmpty()) {
      List<SpanRecord.Link> links = new ArrayList<>(span.getLinks().size());
      for (LinkData link : span.getLinks()) {
        SpanContext other = link.getSpanContext();
        int dropped = link.getTotalAttributeCount() - link.getAttributes().size();
        links.add(
            new SpanRecord.Link(
                other.getTraceId(),
                other.getSpanId(),
                textOf(other.getTraceState()),
                flags(other, other),
                walk(link.getAttributes()),
                dropped));
      }
      record.links = links;
    }
    record.linksDropped = span.getTotalRecordedLinks() - span.getLinks().size();
    buffer.record(scope(span.getInstrumentationScopeInfo()), record);
  }

  private int scope(InstrumentationScopeInfo scope) {
    Integer known = scopes.get(scope);
    if (known != null) {
      return known;
    }
    int number =
        buffer.scope(scope.getName(), scope.getVersion(), scope.getSchemaUrl(), mapOf(scope.getAttributes()));
    if (scopes.size() < SCOPES_MAX) {
      scopes.put(scope, number);
    }
    return number;
  }

  private static SpanRecord.Attributes walk(Attributes attributes) {
    return visit -> attributes.forEach((key, value) -> visit.accept(key.getKey(), value));
  }

  private static Map<String, Object> mapOf(Attributes attributes) {
    Map<String, Object> map = new LinkedHashMap<>();
    attributes.forEach((key, value) -> map.put(key.getKey(), value));
    return map;
  }

  private static int flags(SpanContext own, SpanContext remote) {
    int flags = own.getTraceFlags().asByte() & 0xff | SpanRecord.REMOTE_KNOWN;
    return remote.isRemote() ? flags | SpanRecord.REMOTE : flags;
  }

  private static String textOf(TraceState state) {
    if (state.isEmpty()) {
      return "";
    }
    StringBuilder text = new StringBuilder();
    state.forEach((key, value) -> text.append(text.isEmpty() ? "" : ",").append(key).append('=').append(value));
    return text.toString();
  }
}
