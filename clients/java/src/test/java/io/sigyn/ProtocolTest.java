package io.sigyn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The cases of protocol.json, each against one buffer. */
class ProtocolTest {
  private static final long START = 1_790_000_000_000_000_000L;
  private static final Pattern PAIR = Pattern.compile("(\\w+)=([\\w.]+)");

  @TestFactory
  Stream<DynamicTest> protocol() {
    JsonObject data = Vectors.load("protocol.json");
    int capacity = data.get("capacity_bytes").getAsInt();
    return Vectors.list(data, "cases").stream()
        .map(
            each ->
                DynamicTest.dynamicTest(
                    each.get("name").getAsString(),
                    () -> {
                      Scenario scenario = new Scenario(each, capacity);
                      for (JsonObject step : Vectors.list(each, "steps")) {
                        scenario.step(step);
                      }
                    }));
  }

  private static final class Scenario {
    final JsonObject given;
    final int capacity;
    final Map<String, String> cursors = new HashMap<>();
    SpanBuffer buffer;
    String cursor = "";
    int recorded;

    Scenario(JsonObject given, int capacity) {
      this.given = given;
      this.capacity = capacity;
      restart();
    }

    void restart() {
      SpanBuffer.Builder builder = SpanBuffer.builder().capacityBytes(capacity).uid(Vectors.text(given, "uid", null));
      if (given.has("clock")) {
        builder.clock(() -> given.get("clock").getAsLong());
      }
      buffer = builder.spanBytesMax(Vectors.number(given, "span_bytes_max", 64 << 10)).build();
      buffer.setResource(Map.of("service.name", "vectors"), "");
    }

    void step(JsonObject step) throws Exception {
      if (step.has("record")) {
        record(step);
      } else if (step.has("restart")) {
        restart();
      } else if (step.has("show")) {
        buffer.keepExemplars(step.get("show").getAsString());
      } else if (step.has("start_draining")) {
        buffer.startDraining();
      } else if (step.has("drained")) {
        Drain state = buffer.drained(Duration.ZERO);
        assertEquals(step.get("drained").getAsString(), state.name().toLowerCase(Locale.ROOT));
      } else if (step.has("read_all")) {
        readAll(step);
      } else {
        get(step);
      }
    }

    void record(JsonObject step) {
      int scope = buffer.scope(Vectors.text(step, "scope", "vectors"), "", "", Map.of());
      int pad = Vectors.number(step, "pad", 0);
      List<Integer> limits = numbers(step.get("record"));
      for (int number = limits.get(0); number < limits.get(1); number++) {
        SpanRecord span = new SpanRecord();
        span.traceId = String.format("%032x", Vectors.number(step, "trace", number + 1));
        span.spanId = String.format("%016x", number + 1);
        span.name = "span";
        span.startNanos = START + number;
        span.endNanos = START + number + 1000;
        span.flags = 0x101;
        if (pad > 0) {
          span.attributes = SpanRecord.Attributes.of(Map.of("pad", "x".repeat(pad)));
        }
        buffer.record(scope, span);
      }
      recorded = limits.get(1);
    }

    Answer ask(String query, JsonObject step) {
      String full = query.replace("{cursor}", cursor).replace("{epoch}", "1." + buffer.epoch());
      for (Map.Entry<String, String> saved : cursors.entrySet()) {
        full = full.replace("{cursor:" + saved.getKey() + "}", saved.getValue());
      }
      return buffer.answer(Vectors.text(step, "method", "GET"), full, Vectors.text(step, "accept_encoding", null));
    }

    void readAll(JsonObject step) {
      JsonObject expect = step.getAsJsonObject("expect");
      List<Vectors.Span> spans = new ArrayList<>();
      int reads = 0;
      cursor = "";
      for (String more = "1"; more.equals("1"); reads++) {
        Answer answer = ask("cursor={cursor}&" + step.get("read_all").getAsString(), step);
        assertTrue(answer.body().length > 0 && answer.body().length <= expect.get("body_bytes_max").getAsInt());
        spans.addAll(Vectors.spans(answer.body()));
        cursor = answer.headers().get("sigyn-cursor");
        more = answer.headers().get("sigyn-more");
      }
      assertEquals(range(expect.get("spans")), spans.stream().map(Vectors.Span::number).toList());
      if (expect.has("truncated")) {
        assertEquals(numbers(expect.get("truncated")), cut(spans));
      }
      assertTrue(reads >= Vectors.number(expect, "reads_at_least", 1));
    }

    void get(JsonObject step) throws Exception {
      JsonObject expect = step.getAsJsonObject("expect");
      String before = cursor;
      long began = System.nanoTime();
      String query = step.get("get").getAsString();
      Answer answer;
      if (step.has("after_ms")) {
        CompletableFuture<Answer> asked = CompletableFuture.supplyAsync(() -> ask(query, step));
        Thread.sleep(step.get("after_ms").getAsInt());
        step(step.getAsJsonObject("then"));
        answer = asked.get();
      } else {
        answer = ask(query, step);
      }
      long millis = (System.nanoTime() - began) / 1_000_000;
      Map<String, String> headers = answer.headers();
      assertEquals(Vectors.number(expect, "status", 200), answer.status(), () -> new String(answer.body()));
      assertTrue(new String(answer.body()).startsWith(Vectors.text(expect, "text", "")), new String(answer.body()));
      if (answer.status() != 200) {
        return;
      }
      assertTrue(millis >= Vectors.number(expect, "at_least_ms", 0), millis + " ms");
      assertTrue(millis <= Vectors.number(expect, "at_most_ms", 60_000), millis + " ms");
      String encoding = headers.get("content-encoding");
      if (expect.has("encoding")) {
        List<String> allowed = new ArrayList<>();
        expect.getAsJsonArray("encoding").forEach(each -> allowed.add(each.isJsonNull() ? null : each.getAsString()));
        assertTrue(allowed.contains(encoding), encoding);
      }
      List<Vectors.Span> spans = Vectors.spans(encoding == null ? answer.body() : unzipped(answer.body()));
      List<Integer> numbers = spans.stream().map(Vectors.Span::number).sorted().toList();
      if (expect.has("spans")) {
        assertEquals(range(expect.get("spans")), numbers);
      }
      if (expect.has("empty") || expect.has("head")) {
        assertEquals(0, answer.body().length);
      }
      if (expect.has("numbers")) {
        assertEquals(numbers(expect.get("numbers")), numbers);
      }
      if (expect.has("begins")) {
        assertEquals(expect.get("begins").getAsInt(), numbers.get(0));
      }
      List<Integer> kept = expect.has("kept") ? numbers(expect.get("kept")) : List.of();
      if (expect.has("newest")) {
        assertEquals(kept, numbers.subList(0, kept.size()));
        numbers = numbers.subList(kept.size(), numbers.size());
        assertEquals(IntStream.range(numbers.get(0), recorded).boxed().toList(), numbers);
        assertTrue(numbers.size() >= expect.get("at_least").getAsInt());
      }
      String lost = Vectors.text(expect, "lost", headers.get("sigyn-lost"));
      if ("counted".equals(lost)) {
        long position = Long.parseLong(before.substring(before.lastIndexOf('.') + 1), 16);
        lost = Long.toString(numbers.get(0) - position - kept.size());
      }
      assertEquals(lost, headers.get("sigyn-lost"));
      assertEquals(Vectors.text(expect, "more", headers.get("sigyn-more")), headers.get("sigyn-more"));
      if (expect.has("cursor_same")) {
        assertEquals(before, headers.get("sigyn-cursor"));
      }
      if (expect.has("truncated")) {
        assertEquals(numbers(expect.get("truncated")), cut(spans));
      }
      child(expect, "scopes")
          .forEach(
              (name, wanted) ->
                  assertEquals(
                      numbers(wanted),
                      spans.stream().filter(span -> span.scope().equals(name)).map(Vectors.Span::number).toList()));
      child(expect, "headers").forEach((name, wanted) -> assertEquals(wanted.getAsString(), headers.get(name)));
      if (expect.has("absent")) {
        expect.getAsJsonArray("absent").forEach(name -> assertEquals(null, headers.get(name.getAsString())));
      }
      Map<String, Double> stats = new HashMap<>();
      for (Matcher pair = PAIR.matcher(headers.get("sigyn-buffer").replace("inf", "0")); pair.find(); ) {
        stats.put(pair.group(1), Double.parseDouble(pair.group(2)));
      }
      child(expect, "stats").forEach((name, wanted) -> assertEquals(wanted.getAsDouble(), stats.get(name)));
      cursor = headers.getOrDefault("sigyn-cursor", cursor);
      if (expect.has("save")) {
        cursors.put(expect.get("save").getAsString(), cursor);
      }
    }

    private static Map<String, JsonElement> child(JsonObject owner, String name) {
      return owner.has(name) ? owner.getAsJsonObject(name).asMap() : Map.of();
    }

    private static List<Integer> numbers(JsonElement array) {
      return array.getAsJsonArray().asList().stream().map(JsonElement::getAsInt).toList();
    }

    private static List<Integer> range(JsonElement limits) {
      return IntStream.range(numbers(limits).get(0), numbers(limits).get(1)).boxed().toList();
    }

    private static List<Integer> cut(List<Vectors.Span> spans) {
      return spans.stream().filter(Vectors.Span::isCut).map(Vectors.Span::number).toList();
    }

    private static byte[] unzipped(byte[] body) throws IOException {
      try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(body))) {
        return in.readAllBytes();
      }
    }
  }
}
