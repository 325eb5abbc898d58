/** How fast the ring fills. */

const WINDOW_MIN_SECONDS = 1;

/**
 * Bytes a second between looks; the larger of the last window and the one that is running, because a
 * reader that comes too early loses nothing.
 */
export class FillRate {
  private start = performance.now() / 1000;
  private startBytes = 0;
  private last = 0;

  look(writtenBytes: number): number {
    const passed = performance.now() / 1000 - this.start;
    const written = writtenBytes - this.startBytes;
    if (passed < WINDOW_MIN_SECONDS) return Math.max(this.last, written / WINDOW_MIN_SECONDS);
    this.start += passed;
    this.startBytes = writtenBytes;
    this.last = written / passed;
    return this.last;
  }
}
