package io.sigyn;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Reads {@code clients/vectors}, and takes bodies apart. */
public final class Vectors {
  private Vectors() {}

  public static JsonObject load(String name) {
    try {
      return JsonParser.parseString(Files.readString(Path.of("../vectors", name))).getAsJsonObject();
    } catch (IOException missing) {
      throw new UncheckedIOException(missing);
    }
  }

  public static List<JsonObject> list(JsonObject owner, String name) {
    JsonArray array = owner.has(name) ? owner.getAsJsonArray(name) : new JsonArray();
    return array.asList().stream().map(JsonElement::getAsJsonObject).toList();
  }

  static String text(JsonObject owner, String name, String missing) {
    return owner.has(name) ? owner.get(name).getAsString() : missing;
  }

  static int number(JsonObject owner, String name, int missing) {
    return owner.has(name) ? owner.get(name).getAsInt() : missing;
  }

  public static Object value(JsonObject attribute) {
    JsonElement value = attribute.get("value");
    return switch (attribute.get("type").getAsString()) {
      case "int" -> Long.parseLong(value.getAsString());
      case "bool" -> value.getAsBoolean();
      case "double" -> Double.parseDouble(value.getAsString());
      case "bytes" -> HexFormat.of().parseHex(value.getAsString());
      case "strings" -> value.getAsJsonArray().asList().stream().map(JsonElement::getAsString).toList();
      case "bools" -> value.getAsJsonArray().asList().stream().map(JsonElement::getAsBoolean).toList();
      case "ints" -> value.getAsJsonArray().asList().stream().map(JsonElement::getAsLong).toList();
      case "doubles" -> value.getAsJsonArray().asList().stream().map(JsonElement::getAsDouble).toList();
      default -> value.getAsString();
    };
  }

  public static Map<String, Object> attributes(JsonObject owner, String name) {
    Map<String, Object> map = new LinkedHashMap<>();
    list(owner, name).forEach(attribute -> map.put(attribute.get("key").getAsString(), value(attribute)));
    return map;
  }

  /** The certificate for tests: to serve with, and to trust. */
  static SSLContext tls() throws GeneralSecurityException, IOException {
    Path folder = Path.of("../vectors/tls");
    String key = Files.readString(folder.resolve("key.pem")).replaceAll("-----[A-Z ]+-----|\\s", "");
    PrivateKey secret =
        KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(key)));
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    try (InputStream pem = Files.newInputStream(folder.resolve("certificate.pem"))) {
      Certificate certificate = CertificateFactory.getInstance("X.509").generateCertificate(pem);
      store.setKeyEntry("server", secret, new char[0], new Certificate[] {certificate});
      store.setCertificateEntry("trusted", certificate);
    }
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(store, new char[0]);
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  public static String body(SpanBuffer buffer) {
    return HexFormat.of().formatHex(buffer.answer("GET", "", "").body());
  }

  public record Span(
      int number, String name, String scope, boolean isCut, int kind, String traceId, String spanId, String parentId) {}

  public static List<Span> spans(byte[] body) {
    List<Span> found = new ArrayList<>();
    for (byte[] resourceSpans : contents(body, 1)) {
      for (byte[] scopeSpans : contents(resourceSpans, 2)) {
        StringBuilder scope = new StringBuilder();
        contents(scopeSpans, 1).forEach(each -> contents(each, 1).forEach(name -> scope.append(new String(name))));
        for (byte[] span : contents(scopeSpans, 2)) {
          int number = (int) ByteBuffer.wrap(contents(span, 2).get(0)).getLong() - 1;
          List<byte[]> names = contents(span, 5);
          boolean isCut =
              contents(span, 9).stream().anyMatch(each -> new String(contents(each, 1).get(0)).equals("sigyn.truncated"));
          String name = names.isEmpty() ? "" : new String(names.get(0));
          int[] kind = {0};
          Otlp.fields(span, field -> kind[0] = field.number() == 6 ? (int) field.value() : kind[0]);
          found.add(
              new Span(number, name, scope.toString(), isCut, kind[0], id(span, 1), id(span, 2), id(span, 4)));
        }
      }
    }
    return found;
  }

  private static String id(byte[] span, int field) {
    List<byte[]> found = contents(span, field);
    return found.isEmpty() ? "" : HexFormat.of().formatHex(found.get(0));
  }

  private static List<byte[]> contents(byte[] message, int wanted) {
    List<byte[]> found = new ArrayList<>();
    Otlp.fields(
        message,
        field -> {
          if (field.number() == wanted) {
            found.add(field.content());
          }
        });
    return found;
  }
}
