package io.sigyn;

import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.sdk.trace.SdkTracerProvider;

/** A service under load for the rolling restarts (clients/rolling). */
public final class RollingApp {
  private static volatile boolean isEnding;

  private RollingApp() {}

  public static void main(String[] arguments) throws Exception {
    SpanBuffer buffer = SpanBuffer.create();
    SdkTracerProvider provider = SdkTracerProvider.builder().addSpanProcessor(buffer.spanProcessor()).build();
    buffer.serve("127.0.0.1", Integer.parseInt(arguments[0]), null);
    Tracer tracer = provider.get("rolling");
    Thread[] workers = new Thread[2];
    for (int index = 0; index < workers.length; index++) {
      workers[index] = new Thread(() -> work(tracer));
      workers[index].start();
    }
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  isEnding = true;
                  try {
                    for (Thread worker : workers) {
                      worker.join();
                    }
                  } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                  }
                  Drain drain = buffer.drain();
                  long recorded = buffer.stats().recorded();
                  String state = drain.name().toLowerCase(java.util.Locale.ROOT);
                  System.out.println("{\"recorded\": " + recorded + ", \"drain\": \"" + state + "\"}");
                  System.out.flush();
                  Runtime.getRuntime().halt(0);
                }));
    Thread.currentThread().join();
  }

  private static void work(Tracer tracer) {
    while (!isEnding) {
      io.opentelemetry.api.trace.Span request = tracer.spanBuilder("request").startSpan();
      for (int index = 0; index < 4; index++) {
        tracer.spanBuilder("query").startSpan().end();
      }
      request.end();
      try {
        Thread.sleep(3);
      } catch (InterruptedException interrupted) {
        return;
      }
    }
  }
}
