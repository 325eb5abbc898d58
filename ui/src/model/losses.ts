// Spans that a target overwrote before they were read: when that was, and which calls of this trace they may belong to.

import type { Gap } from "../api/trace.ts";
import { counted } from "../base/number.ts";
import { say } from "../base/say.ts";
import { formatClock } from "../base/time.ts";
import type { TimeSpan } from "../base/timescale.ts";
import type { Trace } from "./trace.ts";

/** A stretch in which a target lost spans, in nanoseconds from the start of the trace. */
export interface Loss extends TimeSpan {
  /** `payment-2 lost 12 spans`. */
  readonly label: string;
  /** Calls without an answering span that went to this target at that time: what they called may be lost. */
  readonly calls: readonly number[];
}

const SECOND_NANOS = 1_000_000_000n;
const PEER_KEYS = ["server.address", "net.peer.name", "peer.service", "peer.hostname"];

export function lossesOf(trace: Trace, gaps: readonly Gap[]): readonly Loss[] {
  return gaps.map((gap) => {
    const from = Number(gap.from - trace.start);
    const to = Number(gap.to - trace.start);
    return { from, to, label: lossLabel(gap), calls: unansweredCalls(trace, gap, { from, to }) };
  });
}

/** A target's clock and the trace's may differ by this, and a read may come so much later than what it missed. */
const NEAR_NANOS = 5e9;

/** Of the gaps of a trace whose stamps a wrong clock has spread over days, those near to when it really was. */
export function gapsNear(
  trace: Trace,
  gaps: readonly Gap[],
  { from, to }: TimeSpan,
): readonly Gap[] {
  return gaps.filter(
    (gap) =>
      Number(gap.from - trace.start) <= to + NEAR_NANOS &&
      Number(gap.to - trace.start) >= from - NEAR_NANOS,
  );
}

export function lossLabel(gap: Gap): string {
  const who = targetName(gap);
  return gap.lost === null
    ? say("losses.unknown", { who })
    : say("losses.label", { who, spans: counted(gap.lost, "span") });
}

/** `payment-2 lost 12 spans in this second (…)`: a whole sentence, with what it means for the trace. */
export function lossSentence(gap: Gap): string {
  const { job = "", instance = "" } = gap.labels;
  const parts = {
    label: lossLabel(gap),
    target: job && instance ? say("losses.target", { job, instance }) : job || instance,
    from: formatClock(gap.from),
    to: formatClock(gap.to),
  };
  if (gap.lost === null) return say("losses.newLife", parts);
  const isShort = gap.to - gap.from <= SECOND_NANOS;
  return isShort ? say("losses.inASecond", parts) : say("losses.between", parts);
}

function targetName({ labels }: Gap): string {
  return labels.pod ?? labels.instance ?? labels.job ?? say("losses.aTarget");
}

function unansweredCalls(trace: Trace, gap: Gap, { from, to }: TimeSpan): readonly number[] {
  const calls: number[] = [];
  trace.spans.forEach((span, at) => {
    if (span.kind !== "client" && span.kind !== "producer") return;
    if (trace.subtreeSize[at] > 1) return;
    if (trace.offset[at] > to || trace.offset[at] + trace.duration[at] < from) return;
    const port = span.attributes.find(
      ({ key }) => key === "server.port" || key === "net.peer.port",
    );
    const isOurs = span.attributes.some(
      ({ key, text }) => PEER_KEYS.includes(key) && isTarget(gap, text, port?.text ?? ""),
    );
    if (isOurs) calls.push(at);
  });
  return calls;
}

/** Whether a call to this address may have reached the target: by its pod, its address, or its job. */
function isTarget({ labels }: Gap, peer: string, port: string): boolean {
  const { pod = "", instance = "", job = "" } = labels;
  if (peer === "") return false;
  // A service's name and a number: `payment` is answered by `payment-2` and by `payment-7d9f-xk2`.
  return (
    [pod, instance, job, labels.service].includes(peer) ||
    pod.startsWith(`${peer}-`) ||
    instance === `${peer}:${port}`
  );
}
