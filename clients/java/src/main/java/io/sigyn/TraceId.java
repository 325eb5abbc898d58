package io.sigyn;

import java.nio.ByteBuffer;

/** A trace's ID as a key. */
record TraceId(long high, long low) {
  /** Of an encoded span: the ID is its first field, behind a tag and a length. */
  static TraceId of(byte[] span) {
    ByteBuffer bytes = ByteBuffer.wrap(span);
    return new TraceId(bytes.getLong(2), bytes.getLong(10));
  }

  /** Of 1 to 32 hexadecimal digits, as leading zeros may be missing; null for anything else, and for zero. */
  static TraceId parse(String text) {
    if (!text.matches("[0-9a-fA-F]{1,32}")) {
      return null;
    }
    String digits = "0".repeat(32 - text.length()) + text;
    long high = Long.parseUnsignedLong(digits.substring(0, 16), 16);
    long low = Long.parseUnsignedLong(digits.substring(16), 16);
    return high == 0 && low == 0 ? null : new TraceId(high, low);
  }
}
