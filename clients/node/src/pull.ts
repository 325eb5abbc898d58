/** One request of the pull protocol: what is asked, and the refusals. */
import { promisify } from "node:util";
import zlib from "node:zlib";
import { type Cursor, MALFORMED, parseCursor } from "./cursor.js";
import { traceKey } from "./keep.js";

const MAX_BYTES_DEFAULT = 4 << 20;
const MAX_BYTES_MAX = 16 << 20;
const WAIT_MILLIS_MAX = 30_000;
/** Traces of one question at most. */
const TRACES_MAX = 64;
const QUOTED_CHARS_MAX = 40;
const UNITS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1e3,
  m: 60e3,
  h: 3600e3,
  d: 86_400e3,
};

/** What goes back over HTTP. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** A status and the sentence that says why. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    text: string,
  ) {
    super(text);
  }

  answer(): Answer {
    const headers: Record<string, string> = {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
    };
    if (this.status === 405) headers.allow = "GET, HEAD";
    if (this.status === 429) headers["retry-after"] = "1";
    if (this.status === 401) headers["www-authenticate"] = "Bearer";
    return { status: this.status, headers, body: Buffer.from(`${this.message}\n`) };
  }
}

export interface Pull {
  cursor: Cursor | undefined;
  maxBytes: number;
  waitMillis: number;
  drain: boolean;
  /** All that is held of these instead of what is new. */
  traces: string[];
  head: boolean;
  coding: Coding;
}

/** @throws Refusal. Unknown parameters are left alone, so that later readers can say more. */
export function parsePull(method: string, query: string, acceptEncoding: string): Pull {
  if (method !== "GET" && method !== "HEAD") {
    throw new Refusal(
      405,
      `spans are read with GET or HEAD, not with ${method.slice(0, QUOTED_CHARS_MAX)}`,
    );
  }
  const pull: Pull = {
    cursor: undefined,
    maxBytes: MAX_BYTES_DEFAULT,
    waitMillis: 0,
    drain: false,
    traces: [],
    head: method === "HEAD",
    coding: chooseCoding(acceptEncoding),
  };
  for (const pair of query.split("&")) {
    const separator = pair.indexOf("=");
    const name = separator < 0 ? pair : pair.slice(0, separator);
    const value = decode(separator < 0 ? "" : pair.slice(separator + 1));
    if (name === "cursor" && value) {
      pull.cursor = parseCursor(value);
      if (!pull.cursor) throw new Refusal(400, MALFORMED);
    } else if (name === "max_bytes") {
      if (!/^[0-9]+$/.test(value)) {
        throw new Refusal(
          400,
          `max_bytes is a number of bytes such as 4194304, not ${quote(value)}`,
        );
      }
      pull.maxBytes = Math.min(Number(value), MAX_BYTES_MAX);
    } else if (name === "wait") {
      const millis = duration(value);
      if (millis === undefined) {
        throw new Refusal(400, `wait is a duration such as 10s or 500ms, not ${quote(value)}`);
      }
      pull.waitMillis = Math.min(millis, WAIT_MILLIS_MAX);
    } else if (name === "drain") {
      if (!["1", "true", "0", "false", ""].includes(value)) {
        throw new Refusal(400, `drain is 1 or 0, not ${quote(value)}`);
      }
      pull.drain = value === "1" || value === "true";
    } else if (name === "trace_id") {
      pull.traces.push(...value.split(",").map(trace));
      const named = pull.traces.length;
      if (named > TRACES_MAX) {
        throw new Refusal(
          400,
          `${named} traces are more than the ${TRACES_MAX} that one read may ask for`,
        );
      }
    }
  }
  return pull;
}

/** What does not decode stays as it is, and is then refused by its reader. */
function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function trace(text: string): string {
  const key = traceKey(text);
  if (key) return key;
  throw new Refusal(
    400,
    `trace_id is 1 to 32 hexadecimal digits, or several of these with commas between them, not ${quote(text)}`,
  );
}

function quote(value: string): string {
  return JSON.stringify(value.slice(0, QUOTED_CHARS_MAX));
}

/** Milliseconds, from `10s`, `1m30s`, `1.5s`, `500ms`; `0` needs no unit. */
function duration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(?:[0-9]*\.?[0-9]+(?:ns|us|µs|ms|s|m|h|d))+$/.test(text)) return undefined;
  let millis = 0;
  for (const [, number, unit] of text.matchAll(/([0-9.]+)([a-zµ]+)/g))
    millis += Number(number) * UNITS[unit];
  return millis;
}

export type Coding = "" | "gzip" | "zstd";

type Compress = (body: Buffer) => Promise<Buffer>;
type ZstdCompress = (body: Buffer, callback: (error: Error | null, body: Buffer) => void) => void;

// Node has zstd from 22.15 on.
const zstdCompress = (zlib as { zstdCompress?: ZstdCompress }).zstdCompress;
const gzip: Compress = promisify(
  (body: Buffer, callback: (error: Error | null, body: Buffer) => void) =>
    // The fastest level: bytes on the wire are cheap beside a pod's share of a core.
    zlib.gzip(body, { level: 1 }, callback),
);
const zstd: Compress | undefined = zstdCompress && promisify(zstdCompress);

function chooseCoding(acceptEncoding: string): Coding {
  const allowed = new Set<string>();
  for (const item of acceptEncoding.toLowerCase().split(",")) {
    const [coding, parameter = ""] = item.split(";");
    const [name, weight] = parameter.split("=");
    const refused = name.trim() === "q" && Number(weight) <= 0;
    if (!refused) allowed.add(coding.trim());
  }
  if (allowed.has("zstd") && zstd) return "zstd";
  return allowed.has("gzip") || allowed.has("x-gzip") ? "gzip" : "";
}

/** Off the event loop: the runtime compresses on threads of its own. */
export function compress(coding: Coding, body: Buffer): Promise<Buffer> {
  if (coding === "zstd" && zstd) return zstd(body);
  return coding === "gzip" ? gzip(body) : Promise.resolve(body);
}
