// What a reader wants to know in the first seconds: where the time went, what repeats, what failed.

import type { Span } from "../api/otlp.ts";
import { formatCount } from "../base/number.ts";
import { say } from "../base/say.ts";
import {
  type CriticalPath,
  type PathShare,
  pathByOperation,
  pathByService,
} from "./critical-path.ts";
import { nameShape, type Repeat, type RepeatedOperation, repeatedOperations } from "./repeats.ts";
import { childrenOf, rootsOf, type Trace } from "./trace.ts";

/** Spans of one operation that failed for one reason, with nothing failed below them. */
export interface ErrorOrigin {
  /** The one that ended first. */
  readonly span: number;
  readonly service: string;
  readonly name: string;
  readonly count: number;
  /** The reason in its own words: status message, exception, HTTP status. Empty where it gave none. */
  readonly reason: string;
}

export interface Insight {
  readonly byService: readonly { readonly service: string; readonly nanos: number }[];
  readonly byOperation: readonly PathShare[];
  readonly repeats: readonly RepeatedOperation[];
  /** Where errors came from, earliest end first. */
  readonly origins: readonly ErrorOrigin[];
}

export function traceInsight(trace: Trace, path: CriticalPath): Insight {
  const children = (parent: number) => (parent < 0 ? rootsOf(trace) : childrenOf(trace, parent));
  return {
    byService: pathByService(trace, path),
    byOperation: pathByOperation(trace, path),
    repeats: repeatedOperations(trace, children),
    origins: errorOrigins(trace),
  };
}

function errorOrigins(trace: Trace): readonly ErrorOrigin[] {
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
  const grouped = new Map<string, ErrorOrigin>();
  for (const span of origins.sort((a, b) => end(a) - end(b))) {
    const { name, resource } = trace.spans[span];
    const reason = failureReason(trace.spans[span]);
    const key = [resource.serviceName, nameShape(name), nameShape(reason)].join("\n");
    const known = grouped.get(key);
    grouped.set(
      key,
      known
        ? { ...known, count: known.count + 1, name: known.name === name ? name : nameShape(name) }
        : { span, service: resource.serviceName, name, reason, count: 1 },
    );
  }
  return [...grouped.values()];
}

const REASON_KEYS = [
  "exception.message",
  "error.message",
  "error.type",
  "http.response.status_code",
  "http.status_code",
  "rpc.grpc.status_code",
];

/** Why a span failed, in its own words: status message, exception, HTTP status; empty where it gave none. */
export function failureReason(span: Span): string {
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

/** `1,037 × HGET`. */
export function repeatLabel(repeat: Repeat): string {
  return `${formatCount(repeat.spans.length)} × ${repeat.name || say("noName")}`;
}
