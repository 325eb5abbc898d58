package io.sigyn;

import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizer;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigProperties;
import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * For the OpenTelemetry Java agent: {@code -javaagent:opentelemetry-javaagent.jar
 * -Dotel.javaagent.extensions=sigyn-buffer.jar}, and nothing in the app. Reads {@code sigyn.buffer.port} (9464; 0 takes
 * any free one), {@code sigyn.buffer.host} (0.0.0.0), {@code sigyn.buffer.bytes} (16 MiB), {@code sigyn.buffer.token},
 * {@code sigyn.buffer.push.to} and {@code sigyn.buffer.uid}; as environment variables {@code SIGYN_BUFFER_PORT} and so on.
 */
public final class AgentExtension implements AutoConfigurationCustomizerProvider {
  @Override
  public void customize(AutoConfigurationCustomizer customizer) {
    customizer.addTracerProviderCustomizer(
        (provider, config) -> provider.addSpanProcessor(start(config).spanProcessor()));
  }

  static SpanBuffer start(ConfigProperties config) {
    SpanBuffer buffer =
        SpanBuffer.builder()
            .capacityBytes(config.getInt("sigyn.buffer.bytes", 16 << 20))
            .uid(config.getString("sigyn.buffer.uid"))
            .build();
    int port = config.getInt("sigyn.buffer.port", 9464);
    try {
      buffer.serve(config.getString("sigyn.buffer.host", "0.0.0.0"), port, config.getString("sigyn.buffer.token"));
    } catch (IOException taken) {
      throw new UncheckedIOException(
          "spans cannot be served on port " + port + ": choose another with sigyn.buffer.port", taken);
    }
    return buffer.drainOnExit(SpanBuffer.DRAIN_TIMEOUT, config.getString("sigyn.buffer.push.to"));
  }
}
