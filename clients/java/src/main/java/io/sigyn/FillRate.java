package io.sigyn;

/** How fast the ring fills. Its user has the lock. */
final class FillRate {
  private long startNanos = System.nanoTime();
  private long startBytes;
  private double bytesPerSecond;

  /** Bytes a second: the larger of the last window and the running one, as a reader too early loses nothing. */
  double look(long writtenBytes) {
    double passed = (System.nanoTime() - startNanos) / 1e9;
    double bytes = writtenBytes - startBytes;
    if (passed < 1) {
      return Math.max(bytesPerSecond, bytes);
    }
    startNanos = System.nanoTime();
    startBytes = writtenBytes;
    bytesPerSecond = bytes / passed;
    return bytesPerSecond;
  }
}
