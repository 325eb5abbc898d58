/** The body of one answer: spans grouped by scope, never above the limit. */
import { cutSpan, SCOPE_BYTES_MAX, SPAN_LIMIT_BYTES_MIN } from "./otlp.js";
import { Writer } from "./writer.js";

const PREFIX_BYTES = 1 + 5;

interface Group {
  scope: Buffer;
  spans: Writer;
}

/**
 * A limit too small for the Resource, a scope and the rest of one cut-down span is raised to that;
 * otherwise no read would ever go on.
 */
export class Body {
  private readonly groups = new Map<number, Group>();
  private readonly roomBytesEmpty: number;
  private roomBytes: number;

  constructor(
    private readonly resource: Buffer,
    bytesMax: number,
  ) {
    const restBytes = SCOPE_BYTES_MAX + SPAN_LIMIT_BYTES_MIN + 2 * PREFIX_BYTES;
    this.roomBytes = Math.max(bytesMax - resource.length - PREFIX_BYTES, restBytes);
    this.roomBytesEmpty = this.roomBytes;
  }

  /** Takes the span if it fits; one that would not fit even an empty body is cut down. */
  offer(number: number, scope: Buffer, span: Buffer): boolean {
    const group = this.groups.get(number);
    const scopeBytes = group ? 0 : PREFIX_BYTES + scope.length;
    let taken = span;
    if (scopeBytes + fieldBytes(span.length) > this.roomBytesEmpty) {
      const limitBytes = this.roomBytes - scopeBytes - PREFIX_BYTES;
      if (limitBytes < SPAN_LIMIT_BYTES_MIN) return false;
      taken = cutSpan(span, limitBytes);
    } else if (scopeBytes + fieldBytes(span.length) > this.roomBytes) {
      return false;
    }
    const into = group ?? { scope, spans: new Writer(4096) };
    if (!group) this.groups.set(number, into);
    into.spans.content(2, taken);
    this.roomBytes -= scopeBytes + fieldBytes(taken.length);
    return true;
  }

  /** One ExportTraceServiceRequest; empty when there is nothing new. */
  finish(): Buffer {
    const resourceSpans = new Writer(
      this.roomBytesEmpty - this.roomBytes + this.resource.length + 64,
    );
    resourceSpans.raw(this.resource);
    for (const { scope, spans } of this.groups.values()) {
      resourceSpans.content(2, Buffer.concat([scope, spans.taken()]));
    }
    const out = new Writer(resourceSpans.length + PREFIX_BYTES);
    if (this.groups.size > 0) out.content(1, resourceSpans.taken());
    return out.taken();
  }
}

function fieldBytes(length: number): number {
  let bytes = 2 + length;
  for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}
