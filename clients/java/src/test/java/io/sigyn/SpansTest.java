package io.sigyn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.TraceStateBuilder;
import io.opentelemetry.sdk.common.InstrumentationScopeInfo;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.testing.trace.TestSpanData;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.EventData;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.data.StatusData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingResult;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Spans of OpenTelemetry. */
class SpansTest {
  @TestFactory
  Stream<DynamicTest> vectors() {
    return Vectors.list(Vectors.load("spans.json"), "cases").stream()
        // Bytes are not among this API's attributes.
        .filter(each -> !each.has("needs") || !each.get("needs").toString().contains("\"bytes\""))
        .map(
            each ->
                DynamicTest.dynamicTest(
                    each.get("name").getAsString(), () -> assertEquals(each.get("hex").getAsString(), body(each))));
  }

  private static String body(JsonObject each) {
    JsonObject given = each.getAsJsonObject("span");
    JsonObject scope = each.getAsJsonObject("scope");
    Attributes attributes = attributes(given, "attributes");
    List<EventData> events =
        Vectors.list(given, "events").stream()
            .map(
                event ->
                    EventData.create(
                        event.get("time").getAsLong(), event.get("name").getAsString(), attributes(event, "attributes")))
            .toList();
    List<LinkData> links =
        Vectors.list(given, "links").stream()
            .map(link -> LinkData.create(context(link, link.get("trace_id").getAsString()), attributes(link, "attributes")))
            .toList();
    String trace = given.get("trace_id").getAsString();
    TestSpanData.Builder span =
        TestSpanData.builder()
            .setName(given.get("name").getAsString())
            .setKind(SpanKind.valueOf(given.get("kind").getAsString().toUpperCase(Locale.ROOT)))
            .setSpanContext(context(given, trace))
            .setStartEpochNanos(given.get("start").getAsLong())
            .setEndEpochNanos(given.get("end").getAsLong())
            .setHasEnded(true)
            .setStatus(status(given))
            .setAttributes(attributes)
            .setTotalAttributeCount(attributes.size() + Vectors.number(given, "attributes_dropped", 0))
            .setEvents(events)
            .setTotalRecordedEvents(events.size() + Vectors.number(given, "events_dropped", 0))
            .setLinks(links)
            .setTotalRecordedLinks(links.size() + Vectors.number(given, "links_dropped", 0))
            .setResource(Resource.create(attributes(each, "resource")))
            .setInstrumentationScopeInfo(
                InstrumentationScopeInfo.builder(scope.get("name").getAsString())
                    .setVersion(Vectors.text(scope, "version", ""))
                    .setSchemaUrl(Vectors.text(scope, "schema_url", ""))
                    .setAttributes(attributes(scope, "attributes"))
                    .build());
    if (given.has("parent")) {
      span.setParentSpanContext(context(given.getAsJsonObject("parent"), trace));
    }
    SpanBuffer buffer = SpanBuffer.builder().spanBytesMax(Vectors.number(each, "span_bytes_max", 64 << 10)).build();
    buffer.spanProcessor().record(span.build());
    return Vectors.body(buffer);
  }

  private static StatusData status(JsonObject given) {
    if (!given.has("status")) {
      return StatusData.unset();
    }
    JsonObject status = given.getAsJsonObject("status");
    boolean isOk = status.get("code").getAsString().equals("ok");
    return isOk ? StatusData.ok() : StatusData.create(StatusData.error().getStatusCode(), Vectors.text(status, "message", ""));
  }

  private static SpanContext context(JsonObject given, String traceId) {
    TraceStateBuilder state = TraceState.builder();
    String text = Vectors.text(given, "trace_state", "");
    String[] members = text.isEmpty() ? new String[0] : text.split(",");
    for (int index = members.length - 1; index >= 0; index--) {
      state.put(members[index].split("=")[0], members[index].split("=")[1]);
    }
    TraceFlags flags = TraceFlags.fromByte((byte) Vectors.number(given, "flags", 1));
    String spanId = given.get("span_id").getAsString();
    return given.has("remote") && given.get("remote").getAsBoolean()
        ? SpanContext.createFromRemoteParent(traceId, spanId, flags, state.build())
        : SpanContext.create(traceId, spanId, flags, state.build());
  }

  @SuppressWarnings("unchecked")
  private static Attributes attributes(JsonObject owner, String name) {
    AttributesBuilder builder = Attributes.builder();
    for (JsonObject attribute : Vectors.list(owner, name)) {
      String key = attribute.get("key").getAsString();
      Object value = Vectors.value(attribute);
      switch (attribute.get("type").getAsString()) {
        case "string" -> builder.put(key, (String) value);
        case "bool" -> builder.put(key, (boolean) value);
        case "int" -> builder.put(key, (long) value);
        case "double" -> builder.put(key, (double) value);
        case "strings" -> builder.put(AttributeKey.stringArrayKey(key), (List<String>) value);
        case "bools" -> builder.put(AttributeKey.booleanArrayKey(key), (List<Boolean>) value);
        case "ints" -> builder.put(AttributeKey.longArrayKey(key), (List<Long>) value);
        default -> builder.put(AttributeKey.doubleArrayKey(key), (List<Double>) value);
      }
    }
    return builder.build();
  }

  @Test
  void recordOnlySpansAreRecordedAndServed() throws Exception {
    SpanBuffer buffer = SpanBuffer.create(1 << 20);
    Sampler recordOnly =
        new Sampler() {
          @Override
          public SamplingResult shouldSample(
              io.opentelemetry.context.Context context,
              String traceId,
              String name,
              SpanKind kind,
              Attributes attributes,
              List<LinkData> links) {
            return SamplingResult.recordOnly();
          }

          @Override
          public String getDescription() {
            return "record only";
          }
        };
    try (SdkTracerProvider provider =
            SdkTracerProvider.builder().setSampler(recordOnly).addSpanProcessor(buffer.spanProcessor()).build();
        SpanBufferServer server = buffer.serve("127.0.0.1", 0, "secret")) {
      provider.get("t").spanBuilder("a").startSpan().end();
      HttpClient client = HttpClient.newHttpClient();
      URI uri = URI.create("http://127.0.0.1:" + server.port() + SpanBuffer.PATH);
      HttpRequest.Builder request = HttpRequest.newBuilder(uri);
      assertEquals(401, client.send(request.build(), HttpResponse.BodyHandlers.ofString()).statusCode());
      request.header("authorization", "Bearer secret");
      HttpResponse<byte[]> answer = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
      assertEquals(1, Vectors.spans(answer.body()).size());
      assertEquals("0", answer.headers().firstValue("sigyn-lost").orElseThrow());
      request.method("HEAD", HttpRequest.BodyPublishers.noBody());
      assertEquals(200, client.send(request.build(), HttpResponse.BodyHandlers.discarding()).statusCode());
    }
  }

  /** Goes from cursor to cursor. */
  private static final class Reader {
    final SpanBuffer buffer;
    final Set<Integer> numbers = new HashSet<>();
    int seen;
    long lost;
    String cursor;

    Reader(SpanBuffer buffer) {
      this.buffer = buffer;
      cursor = "1." + buffer.epoch() + ".0";
    }

    boolean read(int maxBytes) {
      Answer answer = buffer.answer("GET", "cursor=" + cursor + "&max_bytes=" + maxBytes, null);
      List<Vectors.Span> spans = Vectors.spans(answer.body());
      seen += spans.size();
      spans.forEach(span -> numbers.add(span.number()));
      lost += Long.parseLong(answer.headers().get("sigyn-lost"));
      cursor = answer.headers().get("sigyn-cursor");
      return answer.headers().get("sigyn-more").equals("1");
    }
  }

  @Test
  void keptOrNotEverySpanComesOnceOrIsCounted() {
    for (int seed = 0; seed < 25; seed++) {
      Random draw = new Random(seed);
      SpanBuffer buffer = SpanBuffer.create(64 << 10);
      int scope = buffer.scope("s", "", "", java.util.Map.of());
      List<Reader> readers = List.of(new Reader(buffer), new Reader(buffer), new Reader(buffer));
      int recorded = 0;
      for (int steps = draw.nextInt(80); steps > 0; steps--) {
        int step = draw.nextInt(6);
        if (step < 3) {
          String pad = "x".repeat(new int[] {10, 200, 2000, 9000}[draw.nextInt(4)]);
          for (int count = draw.nextInt(60); count > 0; count--) {
            recorded++;
            SpanRecord span = new SpanRecord();
            span.traceId = String.format("%032x", recorded);
            span.spanId = String.format("%016x", recorded);
            span.attributes = SpanRecord.Attributes.of(java.util.Map.of("pad", pad));
            buffer.record(scope, span);
          }
        } else if (step < 5) {
          StringBuilder page = new StringBuilder();
          for (int count = draw.nextInt(8); count > 0; count--) {
            int shown = Math.max(recorded - draw.nextInt(200), 0);
            page.append(String.format("a_total 1 # {trace_id=\"%x\"} 1%n", shown));
          }
          buffer.keepExemplars(page.toString());
        } else {
          readers.get(draw.nextInt(3)).read(new int[] {1, 20_000, 4 << 20}[draw.nextInt(3)]);
        }
      }
      for (Reader reader : readers) {
        while (reader.read(4000)) {}
        assertEquals(reader.numbers.size(), reader.seen);
        assertEquals(recorded, reader.seen + reader.lost);
      }
    }
  }

  @Test
  void manyThreadsLoseNothing() throws Exception {
    SpanBuffer buffer = SpanBuffer.create(16 << 20);
    Thread[] threads = new Thread[8];
    for (int index = 0; index < threads.length; index++) {
      threads[index] =
          new Thread(
              () -> {
                SpanRecord span = new SpanRecord();
                span.traceId = "0".repeat(31) + "1";
                span.spanId = "0".repeat(15) + "1";
                for (int count = 0; count < 1000; count++) {
                  buffer.record(buffer.scope("s", "", "", java.util.Map.of()), span);
                }
              });
      threads[index].start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals(8000, Vectors.spans(buffer.answer("GET", "", null).body()).size());
    assertEquals(0, buffer.stats().dropped());
  }

  @Test
  void whatNobodyReadIsUnreadOrPushed() throws Exception {
    SpanBuffer buffer = SpanBuffer.create(1 << 20);
    SpanRecord span = new SpanRecord();
    span.traceId = "0".repeat(31) + "1";
    span.spanId = "0".repeat(15) + "1";
    buffer.record(buffer.scope("s", "", "", java.util.Map.of()), span);
    assertEquals(Drain.UNREAD, buffer.drain(Duration.ofMillis(5), "http://127.0.0.1:9/v1/traces"));
    int[] received = {0};
    com.sun.net.httpserver.HttpServer sink =
        com.sun.net.httpserver.HttpServer.create(new java.net.InetSocketAddress("127.0.0.1", 0), 1);
    sink.createContext(
        "/",
        exchange -> {
          received[0] += Vectors.spans(exchange.getRequestBody().readAllBytes()).size();
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    sink.start();
    String url = "http://127.0.0.1:" + sink.getAddress().getPort() + "/v1/traces";
    assertEquals(Drain.PUSHED, buffer.drain(Duration.ofMillis(5), url));
    sink.stop(0);
    assertEquals(1, received[0]);
  }

  @Test
  void theAgentFindsTheExtension() {
    boolean isFound =
        java.util.ServiceLoader.load(io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider.class)
            .stream()
            .anyMatch(provider -> provider.type() == AgentExtension.class);
    assertTrue(isFound);
  }
}
