import { SpanContext } from "opentracing";

export const SAMPLED = 1;
export const DEBUG = 2;

/** What of a span crosses process boundaries. Immutable: a baggage item gives the span a new one. */
export class SigynSpanContext extends SpanContext {
  constructor(
    readonly traceId: string,
    readonly spanId: string,
    readonly flags = SAMPLED,
    readonly baggage: Readonly<Record<string, string>> = {},
    readonly traceState = "",
    readonly isRemote = false,
  ) {
    super();
  }

  get isSampled(): boolean {
    return (this.flags & SAMPLED) !== 0;
  }

  /** Baggage that came without a span names none. */
  get isSpan(): boolean {
    return !/^0*$/.test(this.traceId);
  }

  override toTraceId(): string {
    return this.traceId;
  }

  override toSpanId(): string {
    return this.spanId;
  }

  with(flags: number, baggage: Readonly<Record<string, string>>): SigynSpanContext {
    return new SigynSpanContext(this.traceId, this.spanId, flags, baggage, this.traceState);
  }
}
