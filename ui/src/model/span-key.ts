import { spanId } from "../base/ids.ts";
import type { Trace } from "./trace.ts";

/** How a link names a span: by its ID, or by its place (`n12`) where the ID is missing or doubled. */
export function spanKey(trace: Trace, index: number): string {
  const id = trace.spans[index].spanId;
  return id !== null && trace.indexById.get(id) === index ? id : `n${index}`;
}

/** The span that a link names; −1 where it is not in this trace. */
export function spanOfKey(trace: Trace, key: string | null): number {
  if (key === null) return -1;
  if (/^n\d+$/.test(key)) {
    const index = Number(key.slice(1));
    return index < trace.spans.length ? index : -1;
  }
  const id = spanId(key);
  return id === null ? -1 : (trace.indexById.get(id) ?? -1);
}
