/** The door for spans: OpenTelemetry's span processor. */
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { SpanBuffer } from "./buffer.js";
import { type Attributes, encodeResource, type LinkRecord, REMOTE, REMOTE_KNOWN } from "./otlp.js";

type Resource = ReadableSpan["resource"];
type Scope = ReadableSpan["instrumentationScope"];
type Link = ReadableSpan["links"][number];

/** Records every span that ends, sampled or record-only; made by `SpanBuffer.processor`. */
export class SpanBufferProcessor implements SpanProcessor {
  private resource: Resource | undefined;
  private readonly scopes = new WeakMap<Scope, number>();

  constructor(private readonly buffer: SpanBuffer) {}

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    const { buffer } = this;
    try {
      if (span.resource !== this.resource) this.setResource(span.resource);
      let scope = this.scopes.get(span.instrumentationScope);
      if (scope === undefined) {
        const { name, version, schemaUrl } = span.instrumentationScope;
        const { attributes } = span.instrumentationScope as { attributes?: Attributes };
        scope = buffer.scope(name, version, schemaUrl, attributes);
        this.scopes.set(span.instrumentationScope, scope);
      }
      const context = span.spanContext();
      const parent = span.parentSpanContext;
      buffer.record(scope, {
        traceId: context.traceId,
        spanId: context.spanId,
        traceState: context.traceState?.serialize() ?? "",
        // Version 1 of the SDK has the ID alone.
        parentId: parent?.spanId ?? (span as { parentSpanId?: string }).parentSpanId ?? "",
        name: span.name,
        kind: span.kind + 1,
        start: span.startTime,
        end: span.endTime,
        code: span.status.code,
        message: span.status.message ?? "",
        flags: context.traceFlags | REMOTE_KNOWN | (parent?.isRemote ? REMOTE : 0),
        attributes: span.attributes,
        attributesDropped: span.droppedAttributesCount,
        events:
          span.events.length === 0
            ? NONE
            : span.events.map(({ time, name, attributes, droppedAttributesCount }) => ({
                time,
                name,
                attributes,
                dropped: droppedAttributesCount ?? 0,
              })),
        eventsDropped: span.droppedEventsCount,
        links: span.links.length === 0 ? NONE : span.links.map(link),
        linksDropped: span.droppedLinksCount,
      });
    } catch {
      buffer.drop();
    }
  }

  private setResource(resource: Resource): void {
    this.resource = resource;
    let encoded: Buffer | undefined;
    const { schemaUrl } = resource as { schemaUrl?: string };
    this.buffer.setResourceLater(() => {
      if (encoded) return encoded;
      const now = encodeResource(resource.attributes as Attributes, schemaUrl);
      if (!resource.asyncAttributesPending) encoded = now;
      return now;
    });
  }

  /** Nothing to do: a span can be read as soon as it has ended. */
  forceFlush(): Promise<void> {
    return Promise.resolve();
  }

  /** Marks the buffer as draining. What it holds can still be read. */
  shutdown(): Promise<void> {
    this.buffer.startDraining();
    return Promise.resolve();
  }
}

const NONE: readonly never[] = [];

function link({ context, attributes, droppedAttributesCount }: Link): LinkRecord {
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    traceState: context.traceState?.serialize() ?? "",
    flags: context.traceFlags | REMOTE_KNOWN | (context.isRemote ? REMOTE : 0),
    attributes: attributes as Attributes | undefined,
    dropped: droppedAttributesCount ?? 0,
  };
}
