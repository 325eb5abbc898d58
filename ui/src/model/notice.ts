// What a reader of this trace should know before trusting the picture.

import type { Span } from "../api/otlp.ts";
import type { Gap } from "../api/trace.ts";
import { counted } from "../base/number.ts";
import { formatClock } from "../base/time.ts";
import { Oddity } from "./tree.ts";

export interface Notice {
  readonly kind: "gap" | "odd";
  readonly sentence: string;
  /** The first span that it is about, −1 where it is about none. */
  readonly span: number;
}

const SENTENCES: readonly (readonly [number, (count: number) => string])[] = [
  [
    Oddity.ParentMissing,
    (n) => `${counted(n, "span")} named a parent that is not here (yet); shown at the top level.`,
  ],
  [
    Oddity.Cycle,
    (n) =>
      `The parents of spans lead round in ${n === 1 ? "a circle" : `${n} circles`}; cut at the earliest span.`,
  ],
  [
    Oddity.DoubledId,
    (n) =>
      `${counted(n, "span has", "spans have")} the ID of another span; children are shown below the first.`,
  ],
  [
    Oddity.SharedId,
    (n) =>
      `${counted(n, "span shares", "spans share")} the ID of the caller, as Zipkin does it; shown below the caller.`,
  ],
  [
    Oddity.TimeMissing,
    (n) =>
      `${counted(n, "span", "spans")} came without a start time; drawn where the parent starts.`,
  ],
  [
    Oddity.EndsBeforeStart,
    (n) =>
      `${counted(n, "span ends before it starts", "spans end before they start")}; drawn with no length.`,
  ],
  [
    Oddity.InFuture,
    (n) =>
      `${counted(n, "span starts", "spans start")} in the future: a clock is ahead of this browser's.`,
  ],
  [
    Oddity.OutOfRange,
    (n) =>
      `${counted(n, "span is", "spans are")} too far off in time for one picture; drawn at the edge.`,
  ],
];

/** What stands at the top without being the start of something. */
const NO_ROOT = Oddity.ParentMissing | Oddity.Cycle;

export function traceNotices(
  spans: readonly Span[],
  parent: Int32Array,
  oddities: Uint8Array,
): readonly Notice[] {
  const notices: Notice[] = [];
  for (const [bit, sentence] of SENTENCES) {
    let count = 0;
    let first = -1;
    for (let i = 0; i < oddities.length; i++) {
      if ((oddities[i] & bit) === 0) continue;
      if (first < 0) first = i;
      count += 1;
    }
    if (count > 0) notices.push({ kind: "odd", sentence: sentence(count), span: first });
  }
  let roots = 0;
  for (let i = 0; i < spans.length; i++) {
    if (parent[i] < 0 && (oddities[i] & NO_ROOT) === 0) roots += 1;
  }
  if (roots > 1) {
    notices.push({ kind: "odd", sentence: `This trace has ${roots} root spans.`, span: -1 });
  }
  return notices;
}

/** `shop at 10.1.2.3:8080 overwrote 120 spans between … before they were read.` */
export function gapSentence(gap: Gap): string {
  const { job, instance } = gap.labels;
  const who =
    job && instance ? `${job} at ${instance}` : (job ?? instance ?? JSON.stringify(gap.labels));
  const what =
    gap.lost === null
      ? "began a new life; an unknown number of spans went unread"
      : `overwrote ${counted(gap.lost, "span")} before they were read`;
  const when = `between ${formatClock(gap.from)} and ${formatClock(gap.to)}`;
  return `${who} ${what} (${when}). Spans of this trace may be among them.`;
}
