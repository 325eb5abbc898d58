/** The newest entries, in a fixed number of bytes, each with a sequence number. */

const CAPACITY_BYTES_MIN = 64 << 10;
/** Length (4 bytes) and scope number (2 bytes) stand in front of an entry; entries begin at multiples of 8. */
const HEADER_BYTES = 8;

export interface Entry {
  scope: number;
  span: Buffer;
}

export class Ring {
  readonly capacityBytes: number;
  /** The sequence number of the oldest entry held. */
  first = 0;
  /** The sequence number that the next entry will get. */
  next = 0;
  heldBytes = 0;
  writtenBytes = 0;
  private readonly bytes: Buffer;
  private head = 0;
  private tail = 0;

  constructor(capacityBytes: number) {
    this.capacityBytes = Math.max(
      Math.floor(capacityBytes / HEADER_BYTES) * HEADER_BYTES,
      CAPACITY_BYTES_MIN,
    );
    this.bytes = Buffer.alloc(this.capacityBytes);
  }

  /** Appends an entry and overwrites the oldest ones as far as it needs their place. */
  push(scope: number, span: Buffer): void {
    const size = framed(span.length);
    while (this.heldBytes + size > this.capacityBytes) this.evict();
    const { bytes, capacityBytes, head } = this;
    bytes.writeUInt32LE(span.length, head);
    bytes.writeUInt16LE(scope, head + 4);
    let start = head + HEADER_BYTES;
    if (start === capacityBytes) start = 0;
    if (start + span.length <= capacityBytes) {
      bytes.set(span, start);
    } else {
      const split = capacityBytes - start;
      span.copy(bytes, start, 0, split);
      span.copy(bytes, 0, split);
    }
    this.head = this.wrap(head + size);
    this.heldBytes += size;
    this.writtenBytes += size;
    this.next += 1;
  }

  /** Entries from `sequence` on, which must be held. Their bytes are copies. */
  *from(sequence: number): Generator<Entry> {
    let at = this.tail;
    for (let skipped = this.first; skipped < sequence; skipped += 1) at = this.after(at);
    for (let number = sequence; number < this.next; number += 1) {
      const length = this.bytes.readUInt32LE(at);
      const start = this.wrap(at + HEADER_BYTES);
      const end = start + length;
      const span = Buffer.allocUnsafe(length);
      this.bytes.copy(span, 0, start, Math.min(end, this.capacityBytes));
      if (end > this.capacityBytes)
        this.bytes.copy(span, this.capacityBytes - start, 0, end - this.capacityBytes);
      yield { scope: this.bytes.readUInt16LE(at + 4), span };
      at = this.after(at);
    }
  }

  private evict(): void {
    const size = framed(this.bytes.readUInt32LE(this.tail));
    this.tail = this.wrap(this.tail + size);
    this.heldBytes -= size;
    this.first += 1;
  }

  private after(at: number): number {
    return this.wrap(at + framed(this.bytes.readUInt32LE(at)));
  }

  private wrap(offset: number): number {
    return offset >= this.capacityBytes ? offset - this.capacityBytes : offset;
  }
}

function framed(length: number): number {
  return HEADER_BYTES + Math.ceil(length / HEADER_BYTES) * HEADER_BYTES;
}
