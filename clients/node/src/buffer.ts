/** The buffer itself: what apps hold. */
import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { Body } from "./body.js";
import { AHEAD, cursorToken } from "./cursor.js";
import { FillRate } from "./fill.js";
import { type Handler, handler } from "./handler.js";
import { exemplarTraces, Keep } from "./keep.js";
import {
  type Attributes,
  encodeResource,
  encodeScope,
  encodeSpan,
  SPAN_LIMIT_BYTES_MIN,
  type SpanRecord,
} from "./otlp.js";
import { SpanBufferProcessor } from "./processor.js";
import { type Answer, compress, type Pull, parsePull, Refusal } from "./pull.js";
import { push } from "./push.js";
import { type Entry, Ring } from "./ring.js";
import { type ServeOptions, serve } from "./server.js";
import { Writer } from "./writer.js";

const CAPACITY_BYTES_DEFAULT = 16 << 20;
const SPAN_BYTES_MAX_DEFAULT = 64 << 10;
const WAITING_MAX = 4;
const READING_MAX = 8;
/** After the first span of a long poll, so that a busy app does not answer for each span alone. */
const GATHER_MILLIS = 25;
const DRAIN_TIMEOUT_MILLIS = 5000;
/** How long an answer that delivered everything waits for the request that says it arrived. */
const CONFIRMATION_GRACE_MILLIS = 1000;
/** The request that confirms is still to be answered. */
const FAREWELL_MILLIS = 50;
/** Programs have a few scopes; what makes one per request must not cost memory. */
const SCOPES_MAX = 256;

export interface SpanBufferOptions {
  /** How many bytes of spans are kept; at least 64 KiB, 16 MiB by default. */
  capacityBytes?: number;
  /** Above how many encoded bytes a span is cut down; 64 KiB by default. */
  spanBytesMax?: number;
  /** The UID of the pod, as the downward API gives it. */
  uid?: string;
  /** Nanoseconds since 1970, for the header `sigyn-time`. */
  clock?: () => bigint;
}

export interface DrainOptions {
  /** 5000 by default. */
  timeoutMillis?: number;
  /** An OTLP address (`http://collector:4318/v1/traces`) for what nobody has read when time is up. */
  pushTo?: string;
}

/**
 * How `drain` ended: a reader came back with a cursor behind the last span; everything was sent to a reader
 * that did not come back to say so; time is up; what was unread went to the OTLP address.
 */
export type Drain = "confirmed" | "delivered" | "unread" | "pushed";

export interface Stats {
  recorded: number;
  overwritten: number;
  dropped: number;
  bytes: number;
  capacity: number;
  overwriteSeconds: number;
  /** Spans that exemplars point at, kept until a reader had them; of these, those given up for want of room. */
  kept: number;
  keptGivenUp: number;
}

/**
 * The newest finished spans of this process, in a fixed number of bytes. Use one buffer for one tracer
 * provider: what it serves carries one Resource, the one set last.
 */
export class SpanBuffer {
  /** One life of this buffer. */
  readonly epoch = randomBytes(16).toString("hex");
  private readonly ring: Ring;
  private readonly keep: Keep;
  private readonly spanBytesMax: number;
  private readonly scratch = new Writer(4096);
  private readonly scopes: Buffer[] = [];
  private readonly scopeNumbers = new Map<string, number>();
  private readonly fill = new FillRate();
  private readonly waiters = new Set<() => void>();
  private readonly changed = new Set<() => void>();
  private readonly uid: string | undefined;
  private readonly clock: () => bigint;
  private resource: () => Buffer = () => encodeResource({});
  private dropped = 0;
  private reading = 0;
  private waiting = 0;
  private draining = false;
  private confirmed = 0;
  private delivered = 0;

  constructor(options: SpanBufferOptions = {}) {
    this.ring = new Ring(options.capacityBytes ?? CAPACITY_BYTES_DEFAULT);
    this.keep = new Keep(this.ring.capacityBytes);
    const most = Math.floor(this.ring.capacityBytes / 8);
    this.spanBytesMax = Math.max(
      Math.min(options.spanBytesMax ?? SPAN_BYTES_MAX_DEFAULT, most),
      SPAN_LIMIT_BYTES_MIN,
    );
    this.uid = options.uid && /^[\x20-\x7e]+$/.test(options.uid) ? options.uid : undefined;
    this.clock = options.clock ?? systemTime;
  }

  /** For `new BasicTracerProvider({ spanProcessors: [buffer.processor()] })`. */
  processor(): SpanBufferProcessor {
    return new SpanBufferProcessor(this);
  }

  /** Records one finished span of a scope that `scope` numbered. Never throws. */
  record(scope: number, span: SpanRecord): void {
    const { scratch } = this;
    scratch.length = 0;
    try {
      encodeSpan(scratch, span, this.spanBytesMax);
      this.ring.push(scope, scratch.taken());
    } catch {
      // A span that cannot be encoded is counted, and is no reason for an app to fail.
      this.dropped += 1;
      return;
    }
    if (this.waiters.size > 0) this.wake();
  }

  /** The number of an instrumentation scope. Beyond 256, all the others are one without a name. */
  scope(name: string, version?: string, schemaUrl?: string, attributes?: Attributes): number {
    let encoded = encodeScope(name, version, schemaUrl, attributes);
    if (this.scopes.length >= SCOPES_MAX && !this.scopeNumbers.has(encoded.toString("latin1"))) {
      encoded = encodeScope("");
    }
    const key = encoded.toString("latin1");
    let number = this.scopeNumbers.get(key);
    if (number === undefined) {
      number = this.scopes.push(encoded) - 1;
      this.scopeNumbers.set(key, number);
    }
    return number;
  }

  /** Sets what every answer says about this process. */
  setResource(attributes: Attributes, schemaUrl?: string): void {
    const encoded = encodeResource(attributes, schemaUrl);
    this.resource = () => encoded;
  }

  /** The same for one whose attributes are still being found out. */
  setResourceLater(encoded: () => Buffer): void {
    this.resource = encoded;
  }

  /** A span that could not be taken. */
  drop(): void {
    this.dropped += 1;
  }

  /**
   * Keeps the spans that the exemplars of an OpenMetrics page point at until a reader had them, also those that end
   * while the exemplar is still shown: call it with every page. What is kept takes at most an eighth of the
   * capacity, beside the ring. Recording a span costs the same as without.
   */
  keepExemplars(openmetrics: string): void {
    this.keep.keep(this.ring, exemplarTraces(openmetrics));
  }

  stats(): Stats {
    const { ring } = this;
    return {
      recorded: ring.next,
      overwritten: ring.first,
      dropped: this.dropped,
      bytes: ring.heldBytes,
      capacity: ring.capacityBytes,
      overwriteSeconds: ring.capacityBytes / this.fill.look(ring.writtenBytes),
      kept: this.keep.size,
      keptGivenUp: this.keep.givenUp,
    };
  }

  /** For `http`, express and fastify: mount it at `/debug/spans`. */
  handler(): Handler {
    return handler(this);
  }

  /**
   * Serves `GET /debug/spans` on a port of its own, without keeping the process alive. In a worker of
   * `cluster` it takes the first free port from this one on, so that each worker is a target.
   */
  serve(port = 9464, host = "0.0.0.0", options: ServeOptions = {}): Promise<Server> {
    return serve(this, port, host, options);
  }

  /** What `GET /debug/spans?{query}` answers. */
  async answer(method: string, query: string, acceptEncoding = ""): Promise<Answer> {
    let entered = false;
    try {
      const pull = parsePull(method, query, acceptEncoding);
      if (this.reading >= READING_MAX) {
        throw new Refusal(429, "as many readers as this buffer allows are reading now: read later");
      }
      entered = true;
      this.reading += 1;
      if (pull.traces.length > 0) return await this.found(pull);
      const position = this.position(pull);
      if (position !== undefined) {
        if (pull.cursor) this.keep.had(position);
        if (pull.cursor && this.counts(pull)) this.reached("confirmed", position);
        const final = pull.drain && this.draining;
        if (pull.waitMillis > 0 && !final && this.ring.next <= position)
          await this.wait(pull, position);
      }
      return await this.news(pull);
    } catch (error) {
      if (error instanceof Refusal) return error.answer();
      throw error;
    } finally {
      if (entered) this.reading -= 1;
    }
  }

  private async wait(pull: Pull, position: number): Promise<void> {
    if (this.waiting >= WAITING_MAX) {
      throw new Refusal(
        429,
        "as many readers as this buffer allows are waiting already: read without wait, or later",
      );
    }
    this.waiting += 1;
    await firstOf(this.waiters, pull.waitMillis);
    this.waiting -= 1;
    if (this.ring.next > position && !this.draining)
      await pause(Math.min(GATHER_MILLIS, pull.waitMillis));
  }

  private news(pull: Pull): Promise<Answer> {
    const asked = this.position(pull);
    const { body, reached, lost, more } = this.read(asked ?? 0, pull.maxBytes);
    if (this.counts(pull)) this.reached("delivered", reached);
    const position = {
      "sigyn-cursor": cursorToken(this.epoch, reached),
      "sigyn-lost": asked === undefined ? "unknown" : String(pull.cursor ? lost : 0),
    };
    return this.respond(pull, position, more, body);
  }

  /** All that is held of some traces, wherever readers stand. */
  private found(pull: Pull): Promise<Answer> {
    const traces = new Set(pull.traces);
    const body = new Body(this.resource(), pull.maxBytes);
    const kept = this.keep
      .between(0, this.ring.first)
      .filter(({ span }) => traces.has(span.toString("latin1", 2, 18)));
    let more = false;
    for (const entry of [...kept, ...this.ring.matching(0, (_, trace) => traces.has(trace))]) {
      more = !this.offer(body, entry);
      if (more) break;
    }
    return this.respond(pull, { "sigyn-filter": "trace_id" }, more, body.finish());
  }

  private async respond(
    pull: Pull,
    position: Record<string, string>,
    more: boolean,
    body: Buffer,
  ): Promise<Answer> {
    const headers: Record<string, string> = {
      "content-type": "application/x-protobuf",
      "cache-control": "no-store",
      vary: "accept-encoding",
      ...position,
      "sigyn-more": more ? "1" : "0",
      "sigyn-time": String(this.clock()),
      "sigyn-buffer": this.statsHeader(),
    };
    if (this.uid) headers["sigyn-uid"] = this.uid;
    const coding = body.length > 0 ? pull.coding : "";
    if (coding) headers["content-encoding"] = coding;
    const sent = pull.head ? Buffer.alloc(0) : await compress(coding, body);
    if (!(pull.head && coding))
      headers["content-length"] = String(pull.head ? body.length : sent.length);
    return { status: 200, headers, body: sent };
  }

  private offer(body: Body, { scope, span }: Entry): boolean {
    return body.offer(scope, this.scopes[scope], span);
  }

  /** Spans from a position on; changes nothing. */
  read(
    position: number,
    bytesMax: number,
  ): { body: Buffer; reached: number; lost: number; more: boolean } {
    const { ring } = this;
    const body = new Body(this.resource(), bytesMax);
    let [reached, lost] = [position, 0];
    for (const entry of this.keep.between(position, ring.first)) {
      lost += entry.sequence - reached;
      reached = entry.sequence;
      if (!this.offer(body, entry)) return { body: body.finish(), reached, lost, more: true };
      reached += 1;
    }
    lost += Math.max(ring.first - reached, 0);
    reached = Math.max(reached, ring.first);
    for (const entry of ring.from(reached)) {
      if (!this.offer(body, entry)) break;
      reached += 1;
    }
    return { body: body.finish(), reached, lost, more: reached < ring.next };
  }

  /** Where to go on; `undefined` for a cursor of another life. Refuses one that cannot be right. */
  private position({ cursor }: Pull): number | undefined {
    if (!cursor) return 0;
    if (cursor.epoch !== this.epoch) return undefined;
    if (cursor.positions.length !== 1 || cursor.positions[0] > this.ring.next)
      throw new Refusal(400, AHEAD);
    return cursor.positions[0];
  }

  /** Whether the reader is one to wait for: it says so, or the buffer drains and it has a cursor. */
  private counts(pull: Pull): boolean {
    return pull.drain || (this.draining && pull.cursor !== undefined);
  }

  private statsHeader(): string {
    const { overwriteSeconds: seconds, kept, keptGivenUp, ...counts } = this.stats();
    const pairs = Object.entries(counts).map(([name, value]) => `${name}=${value}`);
    pairs.push(
      `overwrite_seconds=${seconds === Infinity ? "inf" : seconds.toFixed(seconds < 10 ? 3 : 1)}`,
    );
    if (kept || keptGivenUp) pairs.push(`kept=${kept}`, `kept_given_up=${keptGivenUp}`);
    if (this.draining) pairs.push("draining=1");
    return pairs.join(", ");
  }

  /**
   * Says that the process is about to end: readers that wait are answered at once. Spans are still
   * recorded and served.
   */
  startDraining(): void {
    this.draining = true;
    this.wake();
  }

  /** Waits until a reader has everything. */
  async drained(timeoutMillis = DRAIN_TIMEOUT_MILLIS): Promise<Drain> {
    const deadline = performance.now() + timeoutMillis;
    let grace: number | undefined;
    for (;;) {
      const state = this.drainState();
      const now = performance.now();
      if (state === "delivered") grace ??= now + CONFIRMATION_GRACE_MILLIS;
      else grace = undefined;
      const left = Math.min(deadline, grace ?? deadline) - now;
      if (state === "confirmed" || left <= 0) return state;
      await firstOf(this.changed, left);
    }
  }

  /** `startDraining` and `drained`; then pushes what is unread, if there is an address for it. */
  async drain(options: DrainOptions = {}): Promise<Drain> {
    this.startDraining();
    const state = await this.drained(options.timeoutMillis);
    if (state === "confirmed") await pause(FAREWELL_MILLIS);
    else if (options.pushTo && (await push(this, this.confirmed, options.pushTo))) return "pushed";
    return state;
  }

  /** On SIGTERM: drains, then ends the process. For apps that do nothing else at their end. */
  drainOnSigterm(options: DrainOptions = {}): void {
    process.once("SIGTERM", () => {
      this.drain(options).finally(() => process.exit(0));
    });
  }

  private drainState(): Drain {
    if (this.ring.next <= this.confirmed) return "confirmed";
    return this.ring.next <= this.delivered ? "delivered" : "unread";
  }

  private reached(what: "confirmed" | "delivered", position: number): void {
    this[what] = Math.max(this[what], position);
    for (const tell of this.changed) tell();
  }

  private wake(): void {
    for (const waiter of this.waiters) waiter();
  }
}

/** Returns when somebody calls what it puts into `callers`, or when time is up. */
function firstOf(callers: Set<() => void>, millis: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      callers.delete(done);
      resolve();
    };
    const timer = setTimeout(done, millis);
    callers.add(done);
  });
}

function systemTime(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}
