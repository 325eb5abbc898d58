/** The newest entries, in a fixed number of bytes, each with a sequence number. */

const CAPACITY_BYTES_MIN = 64 << 10;
/** Length (4 bytes) and scope number (2 bytes) stand in front of an entry; entries begin at multiples of 8. */
const HEADER_BYTES = 8;

/** trace_id is the first field of a span: its tag and its length stand before it. */
const TRACE_BEGIN = 2;
const TRACE_END = 18;

export interface Entry {
  sequence: number;
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
  /** Where the last reader stopped, so that it need not be looked for from the oldest entry on. */
  private mark = { sequence: 0, offset: 0 };

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
    let at = this.offsetOf(sequence);
    for (let number = sequence; number < this.next; number += 1) {
      this.mark = { sequence: number, offset: at };
      yield this.entryAt(at, number);
      at = this.after(at);
    }
    this.mark = { sequence: this.next, offset: at };
  }

  /** Those of the entries from `sequence` on that are wanted, by their number and the bytes of their trace's ID. */
  *matching(
    sequence: number,
    wanted: (sequence: number, trace: string) => boolean,
  ): Generator<Entry> {
    const begin = Math.max(sequence, this.first);
    let at = this.offsetOf(begin);
    for (let number = begin; number < this.next; number += 1) {
      if (wanted(number, this.traceAt(at))) yield this.entryAt(at, number);
      at = this.after(at);
    }
  }

  private offsetOf(sequence: number): number {
    const { mark, first } = this;
    const isMarkHeld = first <= mark.sequence && mark.sequence <= sequence;
    let at = isMarkHeld ? mark.offset : this.tail;
    for (let skipped = isMarkHeld ? mark.sequence : first; skipped < sequence; skipped += 1)
      at = this.after(at);
    return at;
  }

  private entryAt(at: number, sequence: number): Entry {
    const length = this.bytes.readUInt32LE(at);
    const scope = this.bytes.readUInt16LE(at + 4);
    return { sequence, scope, span: this.copy(this.wrap(at + HEADER_BYTES), length) };
  }

  private traceAt(at: number): string {
    const start = this.wrap(at + HEADER_BYTES);
    if (start + TRACE_END <= this.capacityBytes)
      return this.bytes.toString("latin1", start + TRACE_BEGIN, start + TRACE_END);
    return this.copy(start, TRACE_END).toString("latin1", TRACE_BEGIN);
  }

  private copy(start: number, length: number): Buffer {
    const end = start + length;
    const copied = Buffer.allocUnsafe(length);
    this.bytes.copy(copied, 0, start, Math.min(end, this.capacityBytes));
    if (end > this.capacityBytes)
      this.bytes.copy(copied, this.capacityBytes - start, 0, end - this.capacityBytes);
    return copied;
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
