package io.sigyn.opentracing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.opentracing.References;
import io.opentracing.Scope;
import io.opentracing.Span;
import io.opentracing.SpanContext;
import io.opentracing.Tracer;
import io.opentracing.contrib.concurrent.TracedExecutorService;
import io.opentracing.propagation.BinaryAdapters;
import io.opentracing.propagation.Format;
import io.opentracing.propagation.TextMapAdapter;
import io.sigyn.SpanBuffer;
import io.sigyn.Vectors;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class SigynTracerTest {
  private static Map<String, String> headers(JsonElement given) {
    Map<String, String> headers = new LinkedHashMap<>();
    given.getAsJsonObject().asMap().forEach((key, value) -> headers.put(key, value.getAsString()));
    return headers;
  }

  private static DynamicTest test(JsonObject each, org.junit.jupiter.api.function.Executable body) {
    return DynamicTest.dynamicTest(each.get("name").getAsString(), body);
  }

  private static SigynTracer tracer() {
    return new SigynTracer("a", SpanBuffer.create(1 << 20));
  }

  @TestFactory
  Stream<DynamicTest> spans() {
    JsonObject data = Vectors.load("opentracing.json");
    return Vectors.list(data, "cases").stream()
        .map(
            each ->
                test(
                    each,
                    () ->
                        assertEquals(
                            each.get("hex").getAsString(),
                            body(each.getAsJsonObject("span"), data.get("service_name").getAsString()))));
  }

  private static long micros(JsonElement seconds) {
    return Math.round(seconds.getAsDouble() * 1e6);
  }

  private static String body(JsonObject given, String service) {
    SigynTracer tracer = new SigynTracer(service, SpanBuffer.create(1 << 20));
    Tracer.SpanBuilder builder =
        tracer.buildSpan(given.get("operation_name").getAsString()).withStartTimestamp(micros(given.get("start")));
    for (JsonObject reference : Vectors.list(given, "references")) {
      SpanContext context =
          tracer.extract(Format.Builtin.HTTP_HEADERS, new TextMapAdapter(headers(reference.get("headers"))));
      boolean isChild = reference.get("type").getAsString().equals("child_of");
      builder.addReference(isChild ? References.CHILD_OF : References.FOLLOWS_FROM, context);
    }
    Span span = builder.start();
    for (JsonObject tag : Vectors.list(given, "tags")) {
      Object value = Vectors.value(tag);
      String key = tag.get("key").getAsString();
      if (value instanceof Boolean flag) {
        span.setTag(key, flag);
      } else if (value instanceof Number number) {
        span.setTag(key, number);
      } else {
        span.setTag(key, (String) value);
      }
    }
    for (JsonObject log : Vectors.list(given, "logs")) {
      span.log(micros(log.get("time")), Vectors.attributes(log, "fields"));
    }
    if (given.has("baggage")) {
      for (JsonElement item : given.getAsJsonArray("baggage")) {
        span.setBaggageItem(item.getAsJsonArray().get(0).getAsString(), item.getAsJsonArray().get(1).getAsString());
      }
    }
    if (given.has("rename")) {
      span.setOperationName(given.get("rename").getAsString());
    }
    span.finish(micros(given.get("finish")));
    // The IDs that the tracer drew stand for the vector's: eights and, for a root, sevens.
    String body = Vectors.body(tracer.buffer()).replace(span.context().toSpanId(), "8".repeat(16));
    return given.has("references") ? body : body.replace(span.context().toTraceId(), "7".repeat(32));
  }

  private static void check(SpanContext found, JsonElement expect) {
    if (expect == null || expect.isJsonNull()) {
      assertNull(found);
      return;
    }
    SigynSpanContext context = (SigynSpanContext) found;
    JsonObject wanted = expect.getAsJsonObject();
    assertEquals(wanted.get("trace_id").getAsString(), context.traceId());
    assertEquals(wanted.get("span_id").getAsString(), context.spanId());
    assertEquals(wanted.get("sampled").getAsBoolean(), context.isSampled());
    assertEquals(wanted.get("trace_state").getAsString(), context.traceState());
    assertEquals(headers(wanted.get("baggage")), context.baggage());
  }

  @TestFactory
  Stream<DynamicTest> extract() {
    return Vectors.list(Vectors.load("propagation.json"), "extract").stream()
        .map(
            each ->
                test(
                    each,
                    () -> {
                      TextMapAdapter carrier = new TextMapAdapter(headers(each.get("headers")));
                      check(tracer().extract(Format.Builtin.HTTP_HEADERS, carrier), each.get("expect"));
                      check(tracer().extract(Format.Builtin.TEXT_MAP, carrier), each.get("expect"));
                    }));
  }

  @TestFactory
  Stream<DynamicTest> inject() {
    return Vectors.list(Vectors.load("propagation.json"), "inject").stream()
        .map(
            each ->
                test(
                    each,
                    () -> {
                      SigynTracer tracer = tracer();
                      if (each.has("formats")) {
                        tracer =
                            new SigynTracer(
                                "a",
                                SpanBuffer.create(1 << 20),
                                Map.of(),
                                each.getAsJsonArray("formats").asList().stream()
                                    .map(JsonElement::getAsString)
                                    .collect(Collectors.toSet()));
                      }
                      TextMapAdapter from = new TextMapAdapter(headers(each.get("from")));
                      Map<String, String> carrier = new HashMap<>();
                      SpanContext context = tracer.extract(Format.Builtin.HTTP_HEADERS, from);
                      tracer.inject(context, Format.Builtin.HTTP_HEADERS, new TextMapAdapter(carrier));
                      assertEquals(new TreeMap<>(headers(each.get("expect"))), new TreeMap<>(carrier));
                    }));
  }

  @TestFactory
  Stream<DynamicTest> binary() {
    JsonObject data = Vectors.load("propagation.json");
    return Stream.of("binary", "binary_broken")
        .flatMap(name -> Vectors.list(data, name).stream())
        .map(
            each ->
                test(
                    each,
                    () -> {
                      byte[] bytes = HexFormat.of().parseHex(each.get("hex").getAsString());
                      io.opentracing.propagation.BinaryExtract from = BinaryAdapters.extractionCarrier(ByteBuffer.wrap(bytes));
                      SpanContext context = tracer().extract(Format.Builtin.BINARY_EXTRACT, from);
                      check(context, each.get("expect"));
                      if (context != null) {
                        ByteBuffer into = ByteBuffer.allocate(bytes.length);
                        tracer().inject(context, Format.Builtin.BINARY_INJECT, BinaryAdapters.injectionCarrier(into));
                        assertEquals(each.get("hex").getAsString(), HexFormat.of().formatHex(into.array()));
                      }
                    }));
  }

  @Test
  void anOldInstrumentationWorksUnmodified() throws Exception {
    SigynTracer tracer = tracer();
    ExecutorService threads = new TracedExecutorService(Executors.newSingleThreadExecutor(), tracer, false);
    Span root = tracer.buildSpan("root").start();
    root.setBaggageItem("user", "7");
    try (Scope scope = tracer.activateSpan(root)) {
      assertEquals("7", scope == null ? "" : threads.submit(() -> tracer.activeSpan().getBaggageItem("user")).get());
      threads.submit(() -> tracer.buildSpan("child").start().finish()).get();
    }
    threads.shutdown();
    root.finish();
    root.finish();
    assertEquals(2, tracer.buffer().stats().recorded());
    String body = Vectors.body(tracer.buffer());
    // As its own ID, and as the child's parent.
    assertEquals(3, body.split(root.context().toSpanId(), -1).length);
    assertEquals(3, body.split(root.context().toTraceId(), -1).length);
  }
}
