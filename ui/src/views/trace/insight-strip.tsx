// The first thing to read of a trace: where the time went, what repeats, what failed.

import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import { type Insight, repeatLabel, traceInsight } from "../../model/insight.ts";
import { ServiceName, serviceColour } from "../parts/service.tsx";
import type { TraceState } from "./trace-state.ts";

/** Parts of the bar that are named beside it. */
const OPERATIONS_SHOWN = 2;
const REPEATS_SHOWN = 3;
const PART_SHARE_MIN = 0.004;

export function InsightStrip({ state }: { readonly state: TraceState }) {
  const { trace, path } = state;
  const insight = useMemo(() => traceInsight(trace, path), [trace, path]);
  const failed = insight.origins[0];
  return (
    <div class="insights">
      <Cell
        title={say("insightStrip.whereTheTimeWent")}
        note={say("insightStrip.criticalPath")}
        onMore={() => state.update({ show: "path" })}
      >
        <PathBar insight={insight} totalNanos={path.totalNanos} />
        <ol class="insight-list">
          {insight.byOperation.slice(0, OPERATIONS_SHOWN).map((share) => (
            <li key={`${share.service} ${share.name}`}>
              <button
                type="button"
                class="plain"
                title={`${share.service}: ${share.name}, ${formatDuration(share.nanos)}`}
                onClick={() => state.select(share.span)}
              >
                <strong class="number">{percent(share.nanos, path.totalNanos)}</strong>
                <ServiceName name={share.service} />
                <span class="ellipsis">{share.name || say("insightStrip.noName")}</span>
              </button>
            </li>
          ))}
        </ol>
      </Cell>
      <Cell title={say("insightStrip.whatRepeats")}>
        {insight.repeats.length === 0 && (
          <p class="muted">{say("insightStrip.nothingRepeatsNoOperationIsCalled")}</p>
        )}
        <ol class="insight-rows">
          {insight.repeats.slice(0, REPEATS_SHOWN).map(({ parent, repeat }) => (
            <li key={repeat.spans[0]}>
              <button
                type="button"
                class="plain"
                title={
                  parent >= 0
                    ? say("insightStrip.below", {
                        value: trace.spans[parent].name || say("insightStrip.noName"),
                      })
                    : undefined
                }
                onClick={() => {
                  state.update({ show: "waterfall" });
                  state.select(repeat.spans[0]);
                }}
              >
                <strong class="ellipsis">{repeatLabel(repeat)}</strong>
                <span class="muted number">Σ {formatDuration(repeat.sumNanos)}</span>
              </button>
            </li>
          ))}
        </ol>
      </Cell>
      <Cell title={say("insightStrip.whatFailed")} isBad={trace.errorCount > 0}>
        {failed ? (
          <button
            type="button"
            class="plain insight-main"
            onClick={() => state.select(failed.span)}
          >
            <strong class="ellipsis bad">
              {trace.spans[failed.span].resource.serviceName}: {trace.spans[failed.span].name}
            </strong>
            <span class="muted ellipsis">
              {failed.reason || say("insightStrip.itGaveNoReason")}
              {trace.errorCount > 1 && (
                <span class="number">
                  {" "}
                  · {counted(trace.errorCount, "failedSpan")}
                  {say("insightStrip.begunIn")} {insight.origins.length}
                </span>
              )}
            </span>
          </button>
        ) : (
          <p class="muted">{say("insightStrip.nothingFailed")}</p>
        )}
      </Cell>
    </div>
  );
}

function Cell(props: {
  readonly title: string;
  readonly note?: string;
  readonly isBad?: boolean;
  readonly onMore?: () => void;
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
  const label = shown.map((one) => `${one.service} ${percent(one.nanos, total)}`).join(", ");
  return (
    <div
      class="path-bar"
      role="img"
      aria-label={say("insightStrip.criticalPathByService", { label })}
    >
      {shown.map(({ service, nanos }) => (
        <span
          key={service}
          title={`${service}: ${formatDuration(nanos)}, ${percent(nanos, total)}`}
          style={{ flexGrow: nanos, background: serviceColour(service) }}
        />
      ))}
    </div>
  );
}

export function percent(part: number, whole: number): string {
  const share = whole > 0 ? (part / whole) * 100 : 0;
  return share > 0 && share < 0.95 ? "< 1 %" : `${Math.round(share)} %`;
}
