import { randomFillSync } from "node:crypto";
import {
  type BinaryCarrier,
  FORMAT_BINARY,
  FORMAT_HTTP_HEADERS,
  FORMAT_TEXT_MAP,
  Tracer as OpenTracer,
  REFERENCE_CHILD_OF,
  REFERENCE_FOLLOWS_FROM,
  type Span,
  type SpanContext,
  type SpanOptions,
} from "opentracing";
import { active } from "../active.js";
import { SpanBuffer } from "../buffer.js";
import type { Attributes } from "../otlp.js";
import { SAMPLED, SigynSpanContext } from "./context.js";
import {
  extract,
  extractBinary,
  FORMATS,
  type Format,
  inject,
  injectBinary,
} from "./propagation.js";
import { SigynSpan, type SpanReference } from "./span.js";

export interface TracerOptions {
  serviceName: string;
  /** Where finished spans go; a new one by default, see `tracer.buffer`. */
  buffer?: SpanBuffer;
  /** They describe the process and become resource attributes. */
  tags?: Attributes;
  /**
   * Which trace contexts are written: `w3c`, `jaeger`, `b3`; all by default, so that a neighbour on an old
   * tracer stays in the trace. All are understood in any case.
   */
  propagation?: readonly Format[];
}

const TYPES: Record<string, string> = {
  [REFERENCE_CHILD_OF]: "child_of",
  [REFERENCE_FOLLOWS_FROM]: "follows_from",
};

export class Tracer extends OpenTracer {
  readonly buffer: SpanBuffer;
  /** The number of this tracer's instrumentation scope. */
  readonly scope: number;
  private readonly propagation: readonly Format[];

  constructor(options: TracerOptions) {
    super();
    this.propagation = options.propagation ?? FORMATS;
    const unknown = this.propagation.filter((format) => !FORMATS.includes(format));
    if (unknown.length > 0)
      throw new TypeError(`propagation knows ${FORMATS.join(", ")}, not ${unknown.join(", ")}`);
    this.buffer = options.buffer ?? new SpanBuffer();
    this.buffer.setResource({ ...options.tags, "service.name": options.serviceName });
    this.scope = this.buffer.scope("opentracing");
  }

  /** Calls `fn` with the span active: spans that it starts, asynchronously too, are its children. */
  withSpan<T>(span: Span, fn: () => T): T {
    return active.run(span, fn);
  }

  /** The span that `withSpan` made active for this call. */
  activeSpan(): Span | undefined {
    return active.getStore();
  }

  protected override _startSpan(name: string, options: SpanOptions): SigynSpan {
    const references: SpanReference[] = [];
    for (const reference of options.references ?? []) {
      const context = reference.referencedContext();
      if (context instanceof SigynSpanContext)
        references.push({ type: TYPES[reference.type()] ?? reference.type(), context });
    }
    const current = active.getStore()?.context();
    if (references.length === 0 && current instanceof SigynSpanContext) {
      references.push({ type: "child_of", context: current });
    }
    const [parent, links] = chooseParent(references);
    let baggage: Record<string, string> = {};
    for (const { context } of references) baggage = { ...context.baggage, ...baggage };
    const context = parent
      ? new SigynSpanContext(parent.traceId, randomId(8), parent.flags, baggage, parent.traceState)
      : new SigynSpanContext(randomId(16), randomId(8), SAMPLED, baggage);
    const span = new SigynSpan(this, context, name, parent, links, options.startTime);
    if (options.tags) span.addTags(options.tags);
    return span;
  }

  protected override _inject(context: SpanContext, format: string, carrier: unknown): void {
    if (!(context instanceof SigynSpanContext)) return;
    if (format === FORMAT_BINARY) {
      (carrier as BinaryCarrier).buffer = injectBinary(context) as unknown as number[];
    } else if (format === FORMAT_TEXT_MAP || format === FORMAT_HTTP_HEADERS) {
      inject(
        context,
        carrier as Record<string, string>,
        this.propagation,
        format === FORMAT_HTTP_HEADERS,
      );
    } else {
      throw new TypeError(`the format ${format} is not supported`);
    }
  }

  protected override _extract(format: string, carrier: unknown): SpanContext | null {
    if (format === FORMAT_BINARY) {
      const { buffer } = carrier as BinaryCarrier;
      return buffer ? extractBinary(Buffer.from(buffer)) : null;
    }
    if (format === FORMAT_TEXT_MAP || format === FORMAT_HTTP_HEADERS) {
      return extract(carrier as Record<string, unknown>);
    }
    throw new TypeError(`the format ${format} is not supported`);
  }
}

/**
 * The first CHILD_OF, else the first FOLLOWS_FROM. The others are links; so is a parent that is only
 * followed, because that is more than being its child says.
 */
function chooseParent(
  references: SpanReference[],
): [SigynSpanContext | undefined, SpanReference[]] {
  const real = references.filter(
    ({ type, context }) => context.isSpan && (type === "child_of" || type === "follows_from"),
  );
  const chosen = real.find(({ type }) => type === "child_of");
  if (chosen) return [chosen.context, real.filter((reference) => reference !== chosen)];
  return [real[0]?.context, real];
}

const pool = Buffer.alloc(2048);
let taken = pool.length;

/** Never all zeros, which would mean none. */
function randomId(bytes: number): string {
  if (taken + bytes > pool.length) {
    randomFillSync(pool);
    taken = 0;
  }
  const id = pool.toString("hex", taken, taken + bytes);
  taken += bytes;
  return /^0+$/.test(id) ? randomId(bytes) : id;
}
