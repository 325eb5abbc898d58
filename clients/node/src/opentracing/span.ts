import { Span } from "opentracing";
import type { Time } from "../otlp.js";
import { SAMPLED, type SigynSpanContext } from "./context.js";
import { toRecord } from "./convert.js";
import type { Tracer } from "./tracer.js";

export interface SpanReference {
  type: string;
  context: SigynSpanContext;
}

export interface SpanLog {
  time: Time;
  fields: Record<string, unknown>;
}

/** What is set after `finish` is left out. */
export class SigynSpan extends Span {
  readonly tags: Record<string, unknown> = Object.create(null);
  readonly logs: SpanLog[] = [];
  readonly startTime: Time;
  endTime: Time | undefined;
  /** Without times of the caller's, durations come from the monotonic clock. */
  private readonly startMonotonic: number;
  private readonly startMillis: number;

  constructor(
    private readonly owner: Tracer,
    private spanContext: SigynSpanContext,
    public operationName: string,
    readonly parent: SigynSpanContext | undefined,
    readonly references: readonly SpanReference[],
    startMillis: number | undefined,
  ) {
    super();
    const now = performance.timeOrigin + performance.now();
    this.startMillis = startMillis ?? now;
    this.startTime = timeOf(this.startMillis);
    this.startMonotonic = performance.now() - (now - this.startMillis);
  }

  protected override _context(): SigynSpanContext {
    return this.spanContext;
  }

  protected override _tracer(): Tracer {
    return this.owner;
  }

  protected override _setOperationName(name: string): void {
    this.operationName = name;
  }

  protected override _addTags(tags: Record<string, unknown>): void {
    for (const [key, value] of Object.entries(tags)) {
      if (key === "sampling.priority") this.setSampled(value);
      this.tags[key] = value;
    }
  }

  protected override _log(fields: Record<string, unknown>, timestamp?: number): void {
    this.logs.push({ time: this.time(timestamp), fields });
  }

  protected override _setBaggageItem(key: string, value: string): void {
    const { flags, baggage } = this.spanContext;
    this.spanContext = this.spanContext.with(flags, { ...baggage, [key]: value });
  }

  protected override _getBaggageItem(key: string): string | undefined {
    return this.spanContext.baggage[key];
  }

  protected override _finish(finishTime?: number): void {
    if (this.endTime) return;
    this.endTime = this.time(finishTime);
    this.owner.buffer.record(this.owner.scope, toRecord(this, this.spanContext, this.endTime));
  }

  private time(millis: number | undefined): Time {
    return timeOf(millis ?? this.startMillis + performance.now() - this.startMonotonic);
  }

  /** The wish is passed on; this buffer keeps every span. */
  private setSampled(priority: unknown): void {
    if (Number.isNaN(Number(priority))) return;
    const { flags, baggage } = this.spanContext;
    this.spanContext = this.spanContext.with(
      Number(priority) > 0 ? flags | SAMPLED : flags & ~SAMPLED,
      baggage,
    );
  }
}

/** Milliseconds are good for microseconds, not for more. */
function timeOf(millis: number): Time {
  const seconds = Math.floor(millis / 1000);
  const micros = Math.round((millis - seconds * 1000) * 1000);
  return micros === 1_000_000 ? [seconds + 1, 0] : [seconds, micros * 1000];
}
