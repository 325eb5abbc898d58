// What a reader wants to know in the first seconds: where the time went, what repeats, what failed.

import { say } from "../base/say.ts";
import {
  type CriticalPath,
  type PathShare,
  pathByOperation,
  pathByService,
} from "./critical-path.ts";
import { largestRepeats, type Repeat } from "./repeats.ts";
import { childrenOf, rootsOf, type Trace } from "./trace.ts";

export interface FailedSpan {
  readonly span: number;
  /** The reason in its own words: status message, exception, HTTP status. Empty where it gave none. */
  readonly reason: string;
}

export interface Insight {
  readonly byService: readonly { readonly service: string; readonly nanos: number }[];
  readonly byOperation: readonly PathShare[];
  readonly repeats: readonly { readonly parent: number; readonly repeat: Repeat }[];
  /** Failed spans below which nothing failed, earliest end first: where errors came from. */
  readonly origins: readonly FailedSpan[];
}

const REPEATS_SHOWN = 3;
const ORIGINS_MAX = 50;

export function traceInsight(trace: Trace, path: CriticalPath): Insight {
  const children = (parent: number) => (parent < 0 ? rootsOf(trace) : childrenOf(trace, parent));
  return {
    byService: pathByService(trace, path),
    byOperation: pathByOperation(trace, path),
    repeats: largestRepeats(trace, children, REPEATS_SHOWN),
    origins: errorOrigins(trace),
  };
}

function errorOrigins(trace: Trace): readonly FailedSpan[] {
  const hasFailedBelow = new Uint8Array(trace.spans.length);
  const origins: number[] = [];
  for (let i = trace.spans.length - 1; i >= 0; i--) {
    const isError = trace.spans[i].status === "error";
    if (isError && hasFailedBelow[i] === 0) origins.push(i);
    if ((isError || hasFailedBelow[i] === 1) && trace.parent[i] >= 0) {
      hasFailedBelow[trace.parent[i]] = 1;
    }
  }
  const end = (span: number) => trace.offset[span] + trace.duration[span];
  return origins
    .sort((a, b) => end(a) - end(b))
    .slice(0, ORIGINS_MAX)
    .map((span) => ({ span, reason: failureReason(trace, span) }));
}

const REASON_KEYS = [
  "exception.message",
  "error.message",
  "error.type",
  "http.response.status_code",
  "http.status_code",
  "rpc.grpc.status_code",
];

function failureReason(trace: Trace, index: number): string {
  const span = trace.spans[index];
  if (span.statusMessage !== "") return span.statusMessage;
  for (const event of span.events) {
    const message = event.attributes.find(
      ({ key }) => key === "exception.message" || key === "exception.type",
    );
    if (message) return message.text;
  }
  for (const key of REASON_KEYS) {
    const found = span.attributes.find((attribute) => attribute.key === key);
    if (found)
      return key.includes("status_code") ? say("insight.status", { text: found.text }) : found.text;
  }
  return "";
}

/** `37 × HGET`. */
export function repeatLabel(repeat: Repeat): string {
  return `${repeat.spans.length} × ${repeat.name || say("insight.noName")}`;
}
