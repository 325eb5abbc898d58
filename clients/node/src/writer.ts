/** Protobuf's wire format into bytes that are kept from span to span. */

const BYTES = 2;
/** Shorter texts are written character by character, which is faster than a call into the runtime. */
const SHORT_TEXT = 48;

export class Writer {
  bytes: Buffer;
  length = 0;
  /** The second of the last time written, in nanoseconds, in two halves. */
  private second = 0;
  private secondLow = 0;
  private secondHigh = 0;

  constructor(capacityBytes: number) {
    this.bytes = Buffer.allocUnsafe(capacityBytes);
  }

  taken(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.bytes.length));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }

  /** Any whole number from 0 to 2^53. */
  private varint(value: number): void {
    this.reserve(10);
    while (value >= 0x80) {
      this.bytes[this.length++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    this.bytes[this.length++] = value;
  }

  /** A message whose length is not known yet; one byte is kept for it. */
  begin(field: number): number {
    this.reserve(2);
    this.bytes[this.length] = (field << 3) | BYTES;
    this.length += 2;
    return this.length;
  }

  /** Writes the length in front of what came since `begin`, moving it if one byte is not enough. */
  finish(at: number): void {
    const size = this.length - at;
    if (size < 0x80) {
      this.bytes[at - 1] = size;
      return;
    }
    let extra = 0;
    for (let rest = size; rest >= 0x80; rest = Math.floor(rest / 128)) extra += 1;
    this.reserve(extra);
    this.bytes.copyWithin(at + extra, at, this.length);
    const end = this.length + extra;
    this.length = at - 1;
    this.varint(size);
    this.length = end;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  content(field: number, bytes: Uint8Array): void {
    this.reserve(1);
    this.bytes[this.length++] = (field << 3) | BYTES;
    this.varint(bytes.length);
    this.raw(bytes);
  }

  text(field: number, text: string): void {
    const length = text.length;
    if (length <= SHORT_TEXT) {
      this.reserve(2 + length);
      const { bytes } = this;
      const start = this.length + 2;
      let index = 0;
      for (; index < length; index += 1) {
        const code = text.charCodeAt(index);
        if (code >= 0x80) break;
        bytes[start + index] = code;
      }
      if (index === length) {
        bytes[start - 2] = (field << 3) | BYTES;
        bytes[start - 1] = length;
        this.length = start + length;
        return;
      }
    }
    const at = this.begin(field);
    this.reserve(3 * length);
    this.length += this.bytes.write(text, this.length, "utf8");
    this.finish(at);
  }

  textUnlessEmpty(field: number, text: string): void {
    if (text) this.text(field, text);
  }

  /** An ID of so many bytes; one of another length is written as zeros. */
  hex(field: number, id: string, count: number): void {
    this.reserve(2 + count);
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = (field << 3) | BYTES;
    bytes[at++] = count;
    for (let index = 0; index < 2 * count; index += 2) {
      // Beyond the end and outside of ASCII there is no nibble: undefined counts as 0.
      bytes[at++] = (NIBBLES[id.charCodeAt(index)] << 4) | NIBBLES[id.charCodeAt(index + 1)];
    }
    this.length = at;
  }

  uint(field: number, value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = field << 3;
    this.varint(value);
  }

  uintUnlessZero(field: number, value: number): void {
    if (value) this.uint(field, value);
  }

  int(field: number, value: number): void {
    if (value >= 0) this.uint(field, value);
    else this.bigint(field, BigInt(value));
  }

  bigint(field: number, value: bigint): void {
    this.reserve(11);
    this.bytes[this.length++] = field << 3;
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) this.bytes[this.length++] = Number(rest & 0x7fn) | 0x80;
    this.bytes[this.length++] = Number(rest);
  }

  double(field: number, value: number): void {
    this.reserve(9);
    this.bytes[this.length++] = (field << 3) | 1;
    this.length = this.bytes.writeDoubleLE(value, this.length);
  }

  fixed32(field: number, value: number): void {
    this.reserve(6);
    const tag = (field << 3) | 5;
    if (tag >= 0x80) this.bytes[this.length++] = (tag & 0x7f) | 0x80;
    this.bytes[this.length++] = tag >= 0x80 ? tag >> 7 : tag;
    this.length = this.bytes.writeUInt32LE(value >>> 0, this.length);
  }

  /** Nanoseconds since 1970 as fixed64, without a bigint; the spans of one second share a product. */
  time(field: number, [seconds, nanos]: readonly [number, number]): void {
    this.reserve(9);
    if (seconds !== this.second) this.setSecond(seconds);
    let low = this.secondLow + nanos;
    let high = this.secondHigh;
    if (low >= 4294967296) {
      low -= 4294967296;
      high += 1;
    }
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = (field << 3) | 1;
    for (let shift = 0; shift < 32; shift += 8) bytes[at++] = low >>> shift;
    for (let shift = 0; shift < 32; shift += 8) bytes[at++] = high >>> shift;
    this.length = at;
  }

  private setSecond(seconds: number): void {
    const product = seconds >= 0 ? BigInt(Math.floor(seconds)) * 1_000_000_000n : 0n;
    this.second = seconds;
    this.secondLow = Number(product & 0xffffffffn);
    this.secondHigh = Number((product >> 32n) & 0xffffffffn);
  }
}

/** The value of a hexadecimal digit by its character code; 0 for any other. */
const NIBBLES = new Uint8Array(128);
for (let digit = 0; digit < 16; digit += 1) {
  NIBBLES[digit.toString(16).charCodeAt(0)] = digit;
  NIBBLES[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}
