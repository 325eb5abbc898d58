import type { TraceId } from "../base/ids.ts";

/** Where a trace is asked for as columns. */
export function tracePath(id: TraceId): string {
  return `/api/sigyn/v1/traces/${id}/columns`;
}
