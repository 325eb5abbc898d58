// The first thing to read of a trace: where the time went, what repeats, what failed.

import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { counted, formatCount } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import { type ErrorOrigin, type Insight, traceInsight } from "../../model/insight.ts";
import type { RepeatedOperation } from "../../model/repeats.ts";
import { ServiceName, serviceColour } from "../parts/service.tsx";
import type { TraceState } from "./trace-state.ts";

/** Parts of the bar that are named below it. */
const OPERATIONS_SHOWN = 4;
const REPEATS_SHOWN = 3;
const ORIGINS_SHOWN = 3;
const PART_SHARE_MIN = 0.004;
/** A sum that is this many times the time by the clock is told with that time. */
const SIDE_BY_SIDE_MIN = 1.2;

export function InsightStrip({ state }: { readonly state: TraceState }) {
  const { trace, path } = state;
  const insight = useMemo(() => traceInsight(trace, path), [trace, path]);
  return (
    <div class="insights">
      <TimeCell state={state} insight={insight} />
      <RepeatCell state={state} repeats={insight.repeats} />
      <FailureCell state={state} origins={insight.origins} />
    </div>
  );
}

function TimeCell({ state, insight }: { readonly state: TraceState; readonly insight: Insight }) {
  const { totalNanos } = state.path;
  return (
    <Cell
      title={say("insightStrip.whereTheTimeWent")}
      note={say("insightStrip.criticalPath")}
      onMore={() => state.update({ show: "path" })}
    >
      {totalNanos > 0 ? (
        <PathBar insight={insight} totalNanos={totalNanos} />
      ) : (
        <p class="muted">{say("insightStrip.noTime")}</p>
      )}
      <ol class="insight-list">
        {insight.byOperation.slice(0, OPERATIONS_SHOWN).map((share) => (
          <li key={`${share.service} ${share.name}`}>
            {share.span < 0 ? (
              <WaitShare nanos={share.nanos} name={share.name} totalNanos={totalNanos} />
            ) : (
              <button
                type="button"
                class="plain"
                title={say("insightStrip.timeOfOperation", {
                  service: share.service,
                  name: share.name,
                  time: formatDuration(share.nanos),
                  spans: counted(share.count, "span"),
                })}
                onClick={() => state.select(share.span)}
              >
                <strong class="number insight-share">{percent(share.nanos, totalNanos)}</strong>
                <ServiceName name={share.service} />
                <span class="ellipsis">{share.name || say("noName")}</span>
              </button>
            )}
          </li>
        ))}
      </ol>
    </Cell>
  );
}

/** Between a span's end and the start of what it had started, as in a queue. */
function WaitShare(props: {
  readonly nanos: number;
  readonly name: string;
  readonly totalNanos: number;
}) {
  return (
    <span
      class="insight-wait"
      title={say("insightStrip.nothingRan", { time: formatDuration(props.nanos) })}
    >
      <strong class="number insight-share">{percent(props.nanos, props.totalNanos)}</strong>
      <span class="swatch wait" aria-hidden="true" />
      <span class="ellipsis">{props.name}</span>
    </span>
  );
}

function RepeatCell(props: {
  readonly state: TraceState;
  readonly repeats: readonly RepeatedOperation[];
}) {
  const { state, repeats } = props;
  const hidden = repeats.length - REPEATS_SHOWN;
  return (
    <Cell
      title={say("insightStrip.whatRepeats")}
      note={hidden > 0 ? say("insightStrip.moreRepeats", { hidden }) : undefined}
      onMore={hidden > 0 ? () => state.update({ show: "table" }) : undefined}
    >
      {repeats.length === 0 && (
        <p class="muted">{say("insightStrip.nothingRepeatsNoOperationIsCalled")}</p>
      )}
      <ol class="insight-rows">
        {repeats.slice(0, REPEATS_SHOWN).map((repeat) => (
          <li key={`${repeat.service} ${repeat.name} ${repeat.span}`}>
            <button
              type="button"
              class="plain"
              title={say("insightStrip.repeatOfOperation", {
                service: repeat.service,
                name: repeat.name,
                spans: counted(repeat.spanCount, "span"),
                places: counted(repeat.placeCount, "place"),
                covered: formatDuration(repeat.coveredNanos),
                sum: formatDuration(repeat.sumNanos),
              })}
              onClick={() => {
                state.update({ show: "waterfall" });
                state.select(repeat.span);
              }}
            >
              <span
                class="swatch"
                style={{ background: serviceColour(repeat.service) }}
                aria-hidden="true"
              />
              <strong class="ellipsis">
                {formatCount(repeat.spanCount)} × {repeat.name || say("noName")}
              </strong>
              {repeat.errorCount > 0 && (
                <span class="bad number nowrap">
                  {say("waterfall.failed", { errorCount: repeat.errorCount })}
                </span>
              )}
              <span class="muted number nowrap insight-sum">
                Σ {formatDuration(repeat.sumNanos)}
                {repeat.sumNanos > repeat.coveredNanos * SIDE_BY_SIDE_MIN && (
                  <span class="insight-within">
                    {say("insightStrip.within", { covered: formatDuration(repeat.coveredNanos) })}
                  </span>
                )}
              </span>
            </button>
          </li>
        ))}
      </ol>
    </Cell>
  );
}

function FailureCell(props: {
  readonly state: TraceState;
  readonly origins: readonly ErrorOrigin[];
}) {
  const { state, origins } = props;
  const { errorCount } = state.trace;
  return (
    <Cell
      title={say("insightStrip.whatFailed")}
      isBad={errorCount > 0}
      note={errorCount > 1 ? counted(errorCount, "failedSpan") : undefined}
      onMore={errorCount > 1 ? () => state.update({ find: "{ status = error }" }) : undefined}
    >
      {errorCount === 0 && <p class="muted">{say("insightStrip.nothingFailed")}</p>}
      <ol class="insight-rows">
        {origins.slice(0, ORIGINS_SHOWN).map((origin) => {
          const reason = origin.reason || say("insightStrip.itGaveNoReason");
          return (
            <li key={origin.span}>
              <button
                type="button"
                class="plain failed-row"
                title={`${origin.service}: ${origin.name}\n${reason}`}
                onClick={() => state.select(origin.span)}
              >
                <strong class="ellipsis bad">
                  {origin.count > 1 && `${formatCount(origin.count)} × `}
                  {origin.service}: {origin.name || say("noName")}
                </strong>
                <span class="muted ellipsis insight-reason">{reason}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </Cell>
  );
}

function Cell(props: {
  readonly title: string;
  readonly note?: string | undefined;
  readonly isBad?: boolean;
  readonly onMore?: (() => void) | undefined;
  readonly children: ComponentChildren;
}) {
  return (
    <section class={props.isBad ? "insight bad-edge" : "insight"}>
      <h2>
        {props.title}
        {props.onMore && (
          <button type="button" class="link" onClick={props.onMore}>
            {props.note}
          </button>
        )}
      </h2>
      {props.children}
    </section>
  );
}

function PathBar(props: { readonly insight: Insight; readonly totalNanos: number }) {
  const { byService } = props.insight;
  const total = Math.max(1, props.totalNanos);
  const shown = byService.filter(({ nanos }) => nanos / total >= PART_SHARE_MIN);
  const nameOf = (service: string) => service || say("criticalPath.nothingRan");
  const label = shown
    .map((one) => `${nameOf(one.service)} ${percent(one.nanos, total)}`)
    .join(", ");
  return (
    <div
      class="path-bar"
      role="img"
      aria-label={say("insightStrip.criticalPathByService", { label })}
    >
      {shown.map(({ service, nanos }) => (
        <span
          key={service}
          class={service === "" ? "wait" : undefined}
          title={`${nameOf(service)}: ${formatDuration(nanos)}, ${percent(nanos, total)}`}
          style={{ flexGrow: nanos, ...(service && { background: serviceColour(service) }) }}
        />
      ))}
    </div>
  );
}

export function percent(part: number, whole: number): string {
  const share = whole > 0 ? (part / whole) * 100 : 0;
  return share > 0 && share < 0.95 ? "< 1 %" : `${Math.round(share)} %`;
}
