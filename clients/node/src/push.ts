/** What nobody read before the end goes to an OTLP address. */
import type { SpanBuffer } from "./buffer.js";

const BODY_BYTES_MAX = 2 << 20;
const TIMEOUT_MILLIS = 3000;

/** Whether everything from `position` on was taken. One attempt: the process is ending. */
export async function push(buffer: SpanBuffer, position: number, url: string): Promise<boolean> {
  for (;;) {
    const { body, reached, more } = buffer.read(position, BODY_BYTES_MAX);
    if (body.length === 0) return true;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/x-protobuf" },
        body: new Uint8Array(body),
        signal: AbortSignal.timeout(TIMEOUT_MILLIS),
      });
      await response.arrayBuffer();
      if (!response.ok) return false;
    } catch {
      return false;
    }
    if (!more) return true;
    position = reached;
  }
}
