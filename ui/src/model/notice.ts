// What a reader of this trace should know before trusting the picture.

import type { Span } from "../api/otlp.ts";
import { counted } from "../base/number.ts";
import { say } from "../base/say.ts";
import { Oddity } from "./tree.ts";

export interface Notice {
  readonly kind: "gap" | "odd";
  readonly sentence: string;
  /** The first span that it is about, −1 where it is about none. */
  readonly span: number;
}

const SENTENCES: readonly (readonly [number, (count: number) => string])[] = [
  [Oddity.ParentMissing, (n) => say("notice.namedAParentThatIsNot", { n: counted(n, "span") })],
  [
    Oddity.Cycle,
    (n) =>
      say("notice.theParentsOfSpansLeadRound", {
        value: n === 1 ? say("notice.aCircle") : say("notice.circles", { n }),
      }),
  ],
  [Oddity.DoubledId, (n) => say("notice.theIdOfAnotherSpanChildren", { n: counted(n, "spanHas") })],
  [Oddity.SharedId, (n) => say("notice.theIdOfTheCallerAs", { n: counted(n, "spanShares") })],
  [Oddity.TimeMissing, (n) => say("notice.cameWithoutAStartTimeDrawn", { n: counted(n, "span") })],
  [Oddity.EndMissing, (n) => say("notice.cameWithoutAnEnd", { n: counted(n, "span") })],
  [
    Oddity.EndsBeforeStart,
    (n) => say("notice.drawnWithNoLength", { n: counted(n, "spanEndsBeforeItStarts") }),
  ],
  [Oddity.InFuture, (n) => say("notice.inTheFutureAClockIs", { n: counted(n, "spanStarts") })],
  [Oddity.OutOfRange, (n) => say("notice.tooFarOffInTimeFor", { n: counted(n, "spanIs") })],
];

/** What stands at the top without being the start of something. */
const NO_ROOT = Oddity.ParentMissing | Oddity.Cycle;

export function traceNotices(
  spans: readonly Span[],
  parent: Int32Array,
  oddities: Uint16Array,
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
    notices.push({
      kind: "odd",
      sentence: say("notice.thisTraceHasRootSpans", { roots }),
      span: -1,
    });
  }
  return notices;
}
