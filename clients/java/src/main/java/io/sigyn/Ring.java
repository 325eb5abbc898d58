package io.sigyn;

/** The newest entries, in a fixed number of bytes, each with a sequence number. Its user has the lock. */
final class Ring {
  private static final int CAPACITY_BYTES_MIN = 64 << 10;

  /** Length (4 bytes) and scope number (2) stand in front of an entry; entries begin at multiples of 8. */
  static final int HEADER_BYTES = 8;

  private final byte[] bytes;
  private int head;
  private int tail;
  private long markSequence;
  private int markOffset;
  int heldBytes;
  long writtenBytes;

  /** The sequence number of the oldest entry held. */
  long first;

  /** The sequence number that the next entry will get. */
  long next;

  Ring(int capacityBytes) {
    bytes = new byte[Math.max(capacityBytes / HEADER_BYTES * HEADER_BYTES, CAPACITY_BYTES_MIN)];
  }

  int capacityBytes() {
    return bytes.length;
  }

  /** Appends an entry and overwrites the oldest ones as far as it needs their place. */
  void push(int scope, byte[] span, int length) {
    int size = framed(length);
    while (heldBytes + size > bytes.length) {
      int evicted = framed(lengthAt(tail));
      tail = wrap(tail + evicted);
      heldBytes -= evicted;
      first++;
    }
    for (int index = 0; index < 4; index++) {
      bytes[head + index] = (byte) (length >>> 8 * index);
    }
    bytes[head + 4] = (byte) scope;
    bytes[head + 5] = (byte) (scope >>> 8);
    int start = wrap(head + HEADER_BYTES);
    int before = Math.min(length, bytes.length - start);
    System.arraycopy(span, 0, bytes, start, before);
    System.arraycopy(span, before, bytes, 0, length - before);
    head = wrap(head + size);
    heldBytes += size;
    writtenBytes += size;
    next++;
  }

  /** A copy of the entry at an offset. */
  Entry entryAt(int offset) {
    int length = lengthAt(offset);
    int start = wrap(offset + HEADER_BYTES);
    int before = Math.min(length, bytes.length - start);
    byte[] span = new byte[length];
    System.arraycopy(bytes, start, span, 0, before);
    System.arraycopy(bytes, 0, span, before, length - before);
    int scope = bytes[offset + 4] & 0xff | (bytes[offset + 5] & 0xff) << 8;
    return new Entry(scope, span, wrap(offset + framed(length)));
  }

  /** Where a reader stopped, so that it need not be looked for from the oldest entry on. */
  void mark(long sequence, int offset) {
    markSequence = sequence;
    markOffset = offset;
  }

  /** Where an entry begins; it must be held, or be the next one. */
  int offsetOf(long sequence) {
    boolean isMarkHeld = first <= markSequence && markSequence <= sequence;
    int offset = isMarkHeld ? markOffset : tail;
    for (long number = isMarkHeld ? markSequence : first; number < sequence; number++) {
      offset = wrap(offset + framed(lengthAt(offset)));
    }
    return offset;
  }

  record Entry(int scope, byte[] span, int after) {}

  private int lengthAt(int offset) {
    return bytes[offset] & 0xff
        | (bytes[offset + 1] & 0xff) << 8
        | (bytes[offset + 2] & 0xff) << 16
        | bytes[offset + 3] << 24;
  }

  private int wrap(int offset) {
    return offset >= bytes.length ? offset - bytes.length : offset;
  }

  private static int framed(int length) {
    return HEADER_BYTES + (length + HEADER_BYTES - 1) / HEADER_BYTES * HEADER_BYTES;
  }
}
