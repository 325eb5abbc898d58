import { useState } from "preact/hooks";
import type { Gap } from "../../api/trace.ts";
import { counted } from "../../base/number.ts";
import { say, sayRich } from "../../base/say.ts";
import { formatClock, formatDuration } from "../../base/time.ts";
import { formatValue, type PlacedExemplar, unitOf } from "../../model/exemplars.ts";
import { lossSentence } from "../../model/losses.ts";
import type { Skew } from "../../model/skew.ts";
import { spanKey } from "../../model/span-key.ts";
import type { Trace } from "../../model/trace.ts";
import { replace } from "../../state/router.ts";
import type { TraceRoute } from "../../state/url.ts";
import { Icon } from "../parts/icon.tsx";

const EXEMPLARS_SHOWN = 1;

/** What ties this trace to metrics, what may be missing from it, and what is odd about it. */
export function TraceNotices(props: {
  readonly trace: Trace;
  readonly route: TraceRoute;
  readonly exemplars: readonly PlacedExemplar[];
  readonly gaps: readonly Gap[];
  readonly skew: Skew;
}) {
  const { trace, route, exemplars } = props;
  const [isOpen, setOpen] = useState(false);
  const shown = isOpen ? exemplars : exemplars.slice(0, EXEMPLARS_SHOWN);
  const select = (span: number) => replace({ ...route, span: spanKey(trace, span) });
  const clocks = props.skew.clocks.length;
  if (exemplars.length + props.gaps.length + trace.notices.length + clocks === 0) return null;
  return (
    <ul class="notices" aria-label={say("traceNotices.aboutThisTrace")}>
      {shown.map((placed) => (
        <li
          key={`${placed.series} ${placed.exemplar.time} ${placed.span}`}
          class="notice exemplar-notice"
          title={placed.series}
        >
          <span class="diamond" aria-hidden="true" />
          <span>
            {sayRich("traceNotices.isExemplarOf", {
              series: <code>{placed.exemplar.seriesLabels.__name__ ?? placed.series}</code>,
              value: <strong class="number">{valueText(placed)}</strong>,
              time: <span class="number">{formatClock(placed.exemplar.time)}</span>,
            })}
          </span>
          {placed.span >= 0 && (
            <button type="button" class="link" onClick={() => select(placed.span)}>
              {say("traceNotices.showItsSpan")}
            </button>
          )}
        </li>
      ))}
      {exemplars.length > EXEMPLARS_SHOWN && (
        <li class="notice">
          <button
            type="button"
            class="link"
            aria-expanded={isOpen}
            onClick={() => setOpen(!isOpen)}
          >
            {isOpen
              ? say("traceNotices.showFewerExemplars")
              : say("traceNotices.moreExemplars", { value: exemplars.length - EXEMPLARS_SHOWN })}
          </button>
        </li>
      )}
      {props.gaps.map((gap) => (
        <li key={lossSentence(gap)} class="notice gap-notice">
          <Icon name="gap" />
          <span>{lossSentence(gap)}</span>
        </li>
      ))}
      {clocks > 0 && <SkewNotice skew={props.skew} route={route} />}
      {trace.notices.map((notice) => (
        <li key={notice.sentence} class="notice odd-notice">
          <Icon name="warn" />
          <span>{notice.sentence}</span>
          {notice.span >= 0 && (
            <button type="button" class="link" onClick={() => select(notice.span)}>
              {say("traceNotices.showTheFirst")}
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}

function valueText({ exemplar }: PlacedExemplar): string {
  return formatValue(exemplar.value, unitOf(exemplar.seriesLabels.__name__ ?? ""));
}

/** Clocks that cannot agree with the order of calls; moved only when somebody asks for it. */
function SkewNotice({ skew, route }: { readonly skew: Skew; readonly route: TraceRoute }) {
  const [first] = skew.clocks;

  const others = skew.clocks.length - 1;
  const all = skew.clocks
    .map((clock) => `${clock.name}: ${formatDuration(clock.aheadNanos)}`)
    .join("\n");
  return (
    <li class="notice skew-notice" title={all}>
      <Icon name="clock" />
      <span>
        {sayRich(first.aheadNanos > 0 ? "traceNotices.clockAhead" : "traceNotices.clockBehind", {
          clock: <strong>{first.name}</strong>,
          time: <span class="number">{formatDuration(Math.abs(first.aheadNanos))}</span>,
        })}{" "}
        {others > 0 && `${counted(others, "otherClock")} `}
        {route.isCorrected
          ? say("traceNotices.timesAreMovedSoThatCalls")
          : say("traceNotices.timesAreShownAsTheyWere")}
      </span>
      <button
        type="button"
        class="small-button"
        onClick={() => replace({ ...route, isCorrected: !route.isCorrected })}
      >
        {route.isCorrected
          ? say("traceNotices.showAsStamped")
          : say("traceNotices.correctTheClocks")}
      </button>
    </li>
  );
}
