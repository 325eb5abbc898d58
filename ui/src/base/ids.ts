// Trace and span IDs: lower-case hex, padded to full length, so that equal IDs are equal strings.

declare const traceIdBrand: unique symbol;
declare const spanIdBrand: unique symbol;
/** 32 lower-case hex digits. */
export type TraceId = string & { readonly [traceIdBrand]: true };
/** 16 lower-case hex digits. */
export type SpanId = string & { readonly [spanIdBrand]: true };

const FULL: Readonly<Record<number, RegExp>> = { 16: /^[0-9a-f]{16}$/, 32: /^[0-9a-f]{32}$/ };
const ZEROS = /^0+$/;

function padded(text: string, length: number): string | null {
  // Nearly all come in their full spelling.
  if (FULL[length].test(text)) return ZEROS.test(text) ? null : text;
  const digits = text.trim().toLowerCase();
  if (!/^[0-9a-f]+$/.test(digits)) return null;
  const bare = digits.replace(/^0+/, "");
  return bare.length > length || bare === "" ? null : bare.padStart(length, "0");
}

/** Any spelling of 1–32 hex digits; null for anything else and for the all-zero ID. */
export function traceId(text: string): TraceId | null {
  return padded(text, 32) as TraceId | null;
}

/** Any spelling of 1–16 hex digits; null for anything else and for the all-zero ID. */
export function spanId(text: string): SpanId | null {
  return padded(text, 16) as SpanId | null;
}
