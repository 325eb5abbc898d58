import type { ReadonlySignal } from "@preact/signals";
import { formatCount } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatDuration, formatOffset } from "../../base/time.ts";
import { selfNanos } from "../../model/self-time.ts";
import { durationText } from "../../model/trace.ts";
import { ServiceName } from "../parts/service.tsx";
import type { TraceState } from "./trace-state.ts";

/** Where the pointer is over the bars; null where it is not. */
export interface Pointed {
  readonly row: number;
  readonly x: number;
  readonly y: number;
}

const BELOW = 18;
const HEIGHT = 84;
const WIDTH = 300;

/** The figures of the row under the pointer. It alone is rendered anew when the pointer moves. */
export function RowTip(props: {
  readonly pointed: ReadonlySignal<Pointed | null>;
  readonly state: TraceState;
  readonly width: number;
  readonly height: number;
}) {
  const at = props.pointed.value;
  const { trace, rows } = props.state;
  if (at === null || at.row >= rows.length) return null;
  const index = rows.spans[at.row];
  const span = trace.spans[index];
  const repeat = rows.repeats.get(at.row);
  const top = at.y + BELOW + HEIGHT > props.height ? at.y - HEIGHT : at.y + BELOW;
  const left = Math.min(at.x + 12, props.width - WIDTH);
  return (
    <div class="tip row-tip" aria-hidden="true" style={{ top: `${top}px`, left: `${left}px` }}>
      <span class="ellipsis">
        <ServiceName name={span.resource.serviceName} />
      </span>
      <span class="ellipsis">
        {repeat
          ? `${formatCount(repeat.spans.length)} × ${repeat.name || say("noName")}`
          : span.name || say("noName")}
      </span>
      <span class="number">
        {repeat
          ? say("rowTip.repeat", {
              sum: formatDuration(repeat.sumNanos),
              shortest: formatDuration(repeat.minNanos),
              longest: formatDuration(repeat.maxNanos),
            })
          : say("rowTip.span", {
              duration: durationText(trace, index),
              own: formatDuration(selfNanos(trace, index)),
              offset: formatOffset(trace.offset[index] - props.state.zeroNanos),
            })}
      </span>
      {span.statusMessage !== "" && <span class="bad ellipsis">{span.statusMessage}</span>}
    </div>
  );
}
