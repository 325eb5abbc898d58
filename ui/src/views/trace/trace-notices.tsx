import { useState } from "preact/hooks";
import type { Gap } from "../../api/trace.ts";
import { formatClock } from "../../base/time.ts";
import type { PlacedExemplar } from "../../model/exemplars.ts";
import { gapSentence } from "../../model/notice.ts";
import { spanKey } from "../../model/span-key.ts";
import type { Trace } from "../../model/trace.ts";
import { replace } from "../../state/router.ts";
import type { TraceRoute } from "../../state/url.ts";
import { Icon } from "../parts/icon.tsx";

const EXEMPLARS_SHOWN = 2;

/** What ties this trace to metrics, what may be missing from it, and what is odd about it. */
export function TraceNotices(props: {
  readonly trace: Trace;
  readonly route: TraceRoute;
  readonly exemplars: readonly PlacedExemplar[];
  readonly gaps: readonly Gap[];
}) {
  const { trace, route, exemplars } = props;
  const [isOpen, setOpen] = useState(false);
  const shown = isOpen ? exemplars : exemplars.slice(0, EXEMPLARS_SHOWN);
  const select = (span: number) => replace({ ...route, span: spanKey(trace, span) });
  if (exemplars.length + props.gaps.length + trace.notices.length === 0) return null;
  return (
    <ul class="notices" aria-label="About this trace">
      {shown.map((placed) => (
        <li
          key={`${placed.series} ${placed.exemplar.time} ${placed.span}`}
          class="notice exemplar-notice"
        >
          <span class="diamond" aria-hidden="true" />
          <span>
            exemplar of <code>{placed.series}</code> ={" "}
            <strong class="number">{placed.exemplar.value}</strong> at{" "}
            <span class="number">{formatClock(placed.exemplar.time)}</span>
          </span>
          {placed.span >= 0 && (
            <button type="button" class="link" onClick={() => select(placed.span)}>
              show its span
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
              ? "show fewer exemplars"
              : `${exemplars.length - EXEMPLARS_SHOWN} more exemplars`}
          </button>
        </li>
      )}
      {props.gaps.map((gap) => (
        <li key={gapSentence(gap)} class="notice gap-notice">
          <Icon name="gap" />
          <span>{gapSentence(gap)}</span>
        </li>
      ))}
      {trace.notices.map((notice) => (
        <li key={notice.sentence} class="notice odd-notice">
          <Icon name="warn" />
          <span>{notice.sentence}</span>
          {notice.span >= 0 && (
            <button type="button" class="link" onClick={() => select(notice.span)}>
              show the first
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}
