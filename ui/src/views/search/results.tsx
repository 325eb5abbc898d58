import { useEffect, useRef } from "preact/hooks";
import type { FoundTrace } from "../../api/search.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import {
  formatAgo,
  formatClock,
  formatDateTime,
  formatUtc,
  millisFromNanos,
} from "../../base/time.ts";
import { durationOf, fullStripNanos, isTimed, operationOf } from "../../model/found-traces.ts";
import { nowMillis } from "../../state/clock.ts";
import { compareRoute, formatRoute, traceRoute } from "../../state/url.ts";
import { ServiceName, serviceColour } from "../parts/service.tsx";

/** More services than this are counted, not listed. */
const SERVICES_SHOWN = 5;
/** The trace that was opened last from a list: who comes back goes on from its row. */
let openedLast = "";

/** The next page is fetched when the end of the list is this near. */
const NEAR_END_PIXELS = 800;

export function Results(props: {
  readonly traces: readonly FoundTrace[];
  readonly hovered: number;
  /** The row that the keys are at. */
  readonly current: number;
  readonly picked: string;
  readonly isWhole: boolean;
  readonly onHover: (index: number) => void;
  readonly onPick: (traceId: string) => void;
  readonly onMore: () => void;
}) {
  const fullNanos = fullStripNanos(props.traces);
  useEffect(() => {
    const has = document.activeElement;
    const index = props.traces.findIndex(({ traceId }) => traceId === openedLast);
    if (index < 0 || (has !== document.body && has?.id !== "main")) return;
    document.getElementById(`result-${index}`)?.focus({ preventScroll: true });
  }, []);
  return (
    <>
      <ol class="results card">
        {props.traces.map((trace, index) => (
          <li key={trace.traceId} class="result-item">
            <a
              class={index === props.hovered ? "result hovered" : "result"}
              id={`result-${index}`}
              aria-current={index === props.current ? "true" : undefined}
              href={formatRoute(traceRoute(trace.traceId))}
              onClick={() => {
                openedLast = trace.traceId;
              }}
              onMouseEnter={() => props.onHover(index)}
              onMouseLeave={() => props.onHover(-1)}
            >
              <ResultRow trace={trace} fullNanos={fullNanos} />
            </a>
            <PickLink {...props} traceId={trace.traceId} />
          </li>
        ))}
      </ol>
      {!props.isWhole && <MoreMark key={props.traces.length} onMore={props.onMore} />}
    </>
  );
}

/** Picks a first trace, then opens the comparison with a second. */
function PickLink(props: {
  readonly traceId: string;
  readonly picked: string;
  readonly onPick: (traceId: string) => void;
}) {
  const { traceId, picked } = props;
  if (picked !== "" && picked !== traceId) {
    return (
      <a class="pick" href={formatRoute(compareRoute(picked, traceId))}>
        {say("results.compareWithThis")}
      </a>
    );
  }
  return (
    <button
      type="button"
      class="pick"
      aria-pressed={picked === traceId}
      onClick={() => props.onPick(picked === traceId ? "" : traceId)}
    >
      {picked === traceId ? say("results.picked") : say("results.compare")}
    </button>
  );
}

function ResultRow(props: { readonly trace: FoundTrace; readonly fullNanos: number }) {
  const { trace } = props;
  return (
    <>
      <span class="result-name">
        <ServiceName name={trace.rootService} />
        <span class={trace.isRootHere ? "result-operation" : "result-operation muted"}>
          {operationOf(trace, nowMillis.value)}
        </span>
        {trace.errorCount > 0 && (
          <span class="badge error">{counted(trace.errorCount, "error")}</span>
        )}
      </span>
      <span class="result-duration number">
        <Strip {...props} />
        <strong>{durationOf(trace)}</strong>
      </span>
      <span class="result-services muted">
        <span class="number result-spans">{counted(trace.spanCount, "span")}</span>
        <ServiceWords trace={trace} />
      </span>
      <When trace={trace} />
    </>
  );
}

/** As long as the trace, in the colours of its services by their number of spans. */
function Strip(props: { readonly trace: FoundTrace; readonly fullNanos: number }) {
  const { trace } = props;
  if (!isTimed(trace)) return <span class="strip-track" />;
  const share = Math.min(100, Math.max(1, (trace.durationNanos / props.fullNanos) * 100));
  const isCut = trace.durationNanos > props.fullNanos;
  return (
    <span class="strip-track" aria-hidden="true">
      <span class={isCut ? "strip cut" : "strip"} style={{ width: `${share}%` }}>
        {trace.services.map((service) => (
          <span
            key={service.name}
            class={service.errorCount > 0 ? "failed" : undefined}
            style={{ flexGrow: service.spanCount, background: serviceColour(service.name) }}
          />
        ))}
      </span>
    </span>
  );
}

function ServiceWords({ trace }: { readonly trace: FoundTrace }) {
  const byErrors = [...trace.services].sort(
    (a, b) => b.errorCount - a.errorCount || b.spanCount - a.spanCount,
  );
  const shown = byErrors.slice(0, SERVICES_SHOWN);
  const more = trace.services.length - shown.length;
  return (
    <span class="ellipsis">
      {shown.map((service, at) => (
        <span key={service.name} class={service.errorCount > 0 ? "bad" : undefined}>
          {at > 0 ? ", " : ""}
          <bdi>{service.name || say("search.unknownService")}</bdi>
        </span>
      ))}
      {more > 0 && `, +${more}`}
    </span>
  );
}

function When({ trace }: { readonly trace: FoundTrace }) {
  if (!isTimed(trace)) return <span class="result-time muted">–</span>;
  return (
    <time
      class="result-time number"
      title={`${formatDateTime(trace.start, true)}\n${formatUtc(trace.start)}`}
    >
      {formatClock(trace.start)}
      <span class="muted">{formatAgo(millisFromNanos(trace.start), nowMillis.value)}</span>
    </time>
  );
}

/** Asks for more when it comes near to being seen. */
function MoreMark({ onMore }: { readonly onMore: () => void }) {
  const mark = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!mark.current) return;
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && onMore(),
      { rootMargin: `${NEAR_END_PIXELS}px` },
    );
    observer.observe(mark.current);
    return () => observer.disconnect();
  }, []);
  return (
    <button ref={mark} type="button" class="quiet more" onClick={onMore}>
      {say("results.loadMore")}
    </button>
  );
}
