package io.sigyn;

import java.util.Arrays;

/** Protobuf's wire format into bytes that are kept from span to span. */
final class Writer {
  private static final int BYTES = 2;

  private byte[] bytes;
  private int length;

  Writer(int capacityBytes) {
    bytes = new byte[Math.max(capacityBytes, 64)];
  }

  int length() {
    return length;
  }

  /** Valid up to {@link #length}, until the next write. */
  byte[] array() {
    return bytes;
  }

  byte[] copy(int from) {
    return Arrays.copyOfRange(bytes, from, length);
  }

  void truncate(int to) {
    length = to;
  }

  private void reserve(int count) {
    if (length + count > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(length + count, 2 * bytes.length));
    }
  }

  void varint(long value) {
    reserve(10);
    while ((value & ~0x7fL) != 0) {
      bytes[length++] = (byte) (value | 0x80);
      value >>>= 7;
    }
    bytes[length++] = (byte) value;
  }

  /** A message whose length is not known yet; one byte is kept for it. */
  int begin(int field) {
    varint((long) field << 3 | BYTES);
    reserve(1);
    return ++length;
  }

  /** Writes the length in front of what came since {@link #begin}, moving it if one byte is not enough. */
  void finish(int at) {
    int size = length - at;
    if (size < 0x80) {
      bytes[at - 1] = (byte) size;
      return;
    }
    int extra = 0;
    for (int rest = size; rest >= 0x80; rest >>>= 7) {
      extra++;
    }
    reserve(extra);
    System.arraycopy(bytes, at, bytes, at + extra, size);
    int end = length + extra;
    length = at - 1;
    varint(size);
    length = end;
  }

  void raw(byte[] content) {
    raw(content, 0, content.length);
  }

  void raw(Writer other) {
    raw(other.bytes, 0, other.length);
  }

  void raw(byte[] content, int from, int count) {
    reserve(count);
    System.arraycopy(content, from, bytes, length, count);
    length += count;
  }

  void bytes(int field, byte[] content) {
    varint((long) field << 3 | BYTES);
    varint(content.length);
    raw(content);
  }

  void text(int field, String text) {
    int count = text.length();
    int at = begin(field);
    reserve(3 * count);
    int index = 0;
    for (; index < count; index++) {
      char next = text.charAt(index);
      if (next >= 0x80) {
        break;
      }
      bytes[length++] = (byte) next;
    }
    for (; index < count; index++) {
      char next = text.charAt(index);
      if (next < 0x80) {
        bytes[length++] = (byte) next;
      } else if (next < 0x800) {
        bytes[length++] = (byte) (0xc0 | next >> 6);
        bytes[length++] = (byte) (0x80 | next & 0x3f);
      } else if (Character.isHighSurrogate(next)
          && index + 1 < count
          && Character.isLowSurrogate(text.charAt(index + 1))) {
        int point = Character.toCodePoint(next, text.charAt(++index));
        bytes[length++] = (byte) (0xf0 | point >> 18);
        bytes[length++] = (byte) (0x80 | point >> 12 & 0x3f);
        bytes[length++] = (byte) (0x80 | point >> 6 & 0x3f);
        bytes[length++] = (byte) (0x80 | point & 0x3f);
      } else if (Character.isSurrogate(next)) {
        bytes[length++] = '?'; // half a character has no UTF-8
      } else {
        bytes[length++] = (byte) (0xe0 | next >> 12);
        bytes[length++] = (byte) (0x80 | next >> 6 & 0x3f);
        bytes[length++] = (byte) (0x80 | next & 0x3f);
      }
    }
    finish(at);
  }

  void textUnlessEmpty(int field, String text) {
    if (text != null && !text.isEmpty()) {
      text(field, text);
    }
  }

  /** An ID in hexadecimal, as so many bytes. */
  void hex(int field, String id, int count) {
    varint((long) field << 3 | BYTES);
    varint(count);
    reserve(count);
    for (int index = 0; index < count; index++) {
      int high = Character.digit(id.charAt(2 * index), 16);
      bytes[length++] = (byte) (high << 4 | Character.digit(id.charAt(2 * index + 1), 16));
    }
  }

  void uint(int field, long value) {
    varint((long) field << 3);
    varint(value);
  }

  void uintUnlessZero(int field, long value) {
    if (value != 0) {
      uint(field, value);
    }
  }

  void fixed64(int field, long value) {
    varint((long) field << 3 | 1);
    reserve(8);
    for (int shift = 0; shift < 64; shift += 8) {
      bytes[length++] = (byte) (value >>> shift);
    }
  }

  void fixed32(int field, int value) {
    varint((long) field << 3 | 5);
    reserve(4);
    for (int shift = 0; shift < 32; shift += 8) {
      bytes[length++] = (byte) (value >>> shift);
    }
  }
}
