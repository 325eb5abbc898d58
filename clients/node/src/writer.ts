/** Protobuf's wire format into bytes that are kept from span to span. */

const BYTES = 2;
/** Shorter texts are written character by character, which is faster than a call into the runtime. */
const SHORT_TEXT = 48;

export class Writer {
  bytes: Buffer;
  length = 0;

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
    this.bytes[this.length++] = (field << 3) | BYTES;
    this.bytes[this.length++] = count;
    const { bytes, length } = this;
    for (let index = 0; index < count; index += 1) {
      bytes[length + index] =
        (nibble(id.charCodeAt(2 * index)) << 4) | nibble(id.charCodeAt(2 * index + 1));
    }
    this.length += count;
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

  /** Nanoseconds since 1970 as fixed64, without a bigint: seconds are split into two parts of 16 bits. */
  time(field: number, [seconds, nanos]: readonly [number, number]): void {
    this.reserve(9);
    this.bytes[this.length++] = (field << 3) | 1;
    const before = !(seconds >= 0);
    const upper = before ? 0 : Math.floor(seconds / 65536) * 1e9;
    const rest = before ? 0 : (seconds % 65536) * 1e9 + nanos + (upper % 65536) * 65536;
    this.length = this.bytes.writeUInt32LE(rest % 4294967296, this.length);
    const high = Math.floor(upper / 65536) + Math.floor(rest / 4294967296);
    this.length = this.bytes.writeUInt32LE(high % 4294967296, this.length);
  }
}

function nibble(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  return code >= 65 && code <= 70 ? code - 55 : 0;
}
