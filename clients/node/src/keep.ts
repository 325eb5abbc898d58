/**
 * Spans that an exemplar points at, kept past their place in the ring until a reader had them.
 *
 * Recording knows nothing of this: who shows metrics looks the spans of its exemplars up in the ring and puts
 * copies here, and a read from before the oldest span held finds them.
 */
import type { Entry, Ring } from "./ring.js";

/** Exemplars of one page that are looked up at most. */
const TRACES_MAX = 10_000;
/** Copies take at most this part of the capacity, beside the ring. */
const CAPACITY_PER_KEPT = 8;
/** What a copy takes with its places in the collections, roughly. */
const OVERHEAD_BYTES = 128;
/** How apps write the label that names a trace. */
const LABEL = /(?:^|[, "])(?:trace_id|traceID|TraceID|traceId)"*="([0-9a-fA-F]{1,32})"/;

/** The bytes of a trace's ID, one character a byte; of 1 to 32 hexadecimal digits, as leading zeros may be missing. */
export function traceKey(text: string): string | undefined {
  if (!/^[0-9a-fA-F]{1,32}$/.test(text) || /^0+$/.test(text)) return undefined;
  return Buffer.from(text.padStart(32, "0"), "hex").toString("latin1");
}

/** Not a parser of the format: a text that only looks like an exemplar costs one look-up. */
export function exemplarTraces(openmetrics: string): Set<string> {
  const traces = new Set<string>();
  for (const line of openmetrics.split("\n")) {
    const at = line.startsWith("#") ? -1 : line.lastIndexOf(" # {");
    const found = at < 0 ? null : LABEL.exec(line.slice(at + 4));
    const key = found ? traceKey(found[1]) : undefined;
    if (key) traces.add(key);
    if (traces.size === TRACES_MAX) break;
  }
  return traces;
}

export class Keep {
  givenUp = 0;
  private readonly bytesMax: number;
  /** What the last page pointed at, and up to where it was looked for. */
  private traces = new Set<string>();
  private looked = 0;
  /** A reader that came back has everything before. */
  private readers = 0;
  /** By sequence number, the oldest copy first. */
  private readonly spans = new Map<number, Entry>();
  private bytes = 0;

  constructor(capacityBytes: number) {
    this.bytesMax = Math.floor(capacityBytes / CAPACITY_PER_KEPT);
  }

  get size(): number {
    return this.spans.size;
  }

  /** A reader has everything before this position. */
  had(position: number): void {
    this.readers = Math.max(this.readers, position);
  }

  /**
   * Copies what no reader had yet of the spans of these traces. Spans of the traces named last time that came since
   * are copied too, for as long as their exemplars are shown.
   */
  keep(ring: Ring, traces: Set<string>): void {
    const before = this.traces;
    const fresh = new Set([...traces].filter((trace) => !before.has(trace)));
    this.traces = traces;
    for (const sequence of this.spans.keys()) if (sequence < this.readers) this.drop(sequence);
    const from = Math.max(this.readers, fresh.size > 0 ? 0 : this.looked);
    const wanted = (sequence: number, trace: string): boolean =>
      (sequence < this.looked ? fresh : traces).has(trace);
    for (const entry of ring.matching(from, wanted)) {
      if (this.spans.has(entry.sequence)) continue;
      this.spans.set(entry.sequence, entry);
      this.bytes += entry.span.length + OVERHEAD_BYTES;
    }
    this.looked = ring.next;
    for (const sequence of this.spans.keys()) {
      if (this.bytes <= this.bytesMax) break;
      this.drop(sequence);
      this.givenUp += 1;
    }
  }

  private drop(sequence: number): void {
    this.bytes -= (this.spans.get(sequence)?.span.length ?? 0) + OVERHEAD_BYTES;
    this.spans.delete(sequence);
  }

  /** The copies of a range of sequence numbers, oldest first. */
  between(begin: number, until: number): Entry[] {
    if (begin >= until || this.spans.size === 0) return [];
    return [...this.spans.values()]
      .filter(({ sequence }) => begin <= sequence && sequence < until)
      .sort((one, other) => one.sequence - other.sequence);
  }
}
