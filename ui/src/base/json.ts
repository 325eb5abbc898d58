// Reading answers by hand: each reader takes what came and gives a value of the asked type, or the
// neutral one. A field that an older or newer server leaves out must not break a page.

export type JsonObject = Readonly<Record<string, unknown>>;

const NO_FIELDS: JsonObject = {};

export function asObject(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : NO_FIELDS;
}

export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asString(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

const WORDS: Readonly<Record<string, number>> = {
  "+Inf": Number.POSITIVE_INFINITY,
  "-Inf": Number.NEGATIVE_INFINITY,
  NaN: Number.NaN,
};

/** Numbers, and numbers in strings (64-bit integers and infinities travel so); else `fallback`. */
export function asNumber(value: unknown, fallback = 0): number {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.trim() === "") return fallback;
  if (value in WORDS) return WORDS[value];
  const number = Number(value);
  return Number.isNaN(number) ? fallback : number;
}

export function asNumberOrNull(value: unknown): number | null {
  return typeof value === "number" || typeof value === "string" ? asNumber(value) : null;
}

export function asBigint(value: unknown): bigint {
  if (typeof value === "string" && /^-?\d+$/.test(value)) return BigInt(value);
  if (typeof value === "number" && Number.isFinite(value)) return BigInt(Math.trunc(value));
  return 0n;
}

export function asStringMap(value: unknown): Readonly<Record<string, string>> {
  const map: Record<string, string> = {};
  for (const [key, entry] of Object.entries(asObject(value))) map[key] = asString(entry);
  return map;
}
