import { useState } from "preact/hooks";
import type { Pin, TraceAnswer } from "../../api/trace.ts";
import { counted, formatCount } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import {
  formatAgo,
  formatDateTime,
  formatDuration,
  formatUtc,
  millisFromNanos,
  nanos,
} from "../../base/time.ts";
import { mainRoot } from "../../model/trace.ts";
import { quote } from "../../model/traceql.ts";
import { nowMillis } from "../../state/clock.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { Icon } from "../parts/icon.tsx";
import { ServiceChip, ServiceName } from "../parts/service.tsx";
import { TraceActions } from "./trace-actions.tsx";
import type { TraceState } from "./trace-state.ts";

/** More services than this are counted, not listed. */
const SERVICES_SHOWN = 10;
/** A root that fills less of its trace than this has its time told apart. */
const ROOT_SHARE_MIN = 0.8;

export function TraceHeader(props: { readonly state: TraceState; readonly answer: TraceAnswer }) {
  const { trace, route } = props.state;
  const root = trace.spans[mainRoot(trace)];
  const rootNanos = trace.duration[mainRoot(trace)];
  // Clocks that differ stretch the trace to a length that nobody waited for.
  const isTimed = trace.start > 0n;
  const { from, to } = props.state.home;
  const lengthNanos = isTimed ? Math.min(to - from, trace.durationNanos) : 0;
  const started = nanos(trace.start + BigInt(Math.round(from)));
  return (
    <header class="trace-header">
      <div class="trace-title">
        <h1>
          <ServiceName name={root.resource.serviceName} />
          <span class="trace-operation" title={root.name}>
            {root.name || say("noName")}
          </span>
          <strong class="number trace-duration">
            {isTimed ? formatDuration(lengthNanos) : say("trace.noTime")}
          </strong>
        </h1>
        <span class="trace-id mono">
          {route.traceId}
          <CopyButton text={route.traceId} label={say("traceHeader.copyTheTraceId")} />
        </span>
        <span class="grow" />
        {longestPins(props.answer.pins).map((pin) => (
          <span
            key={pin.reason}
            class="chip pin"
            title={say("traceHeader.keptUntilWhateverRetentionSays", {
              until: formatDateTime(pin.until),
            })}
          >
            <Icon name="pin" /> {say("traceHeader.pinnedFor", { reason: pin.reason })}
          </span>
        ))}
        <TraceActions route={route} />
      </div>
      <dl class="facts">
        <Fact
          label={say("traceHeader.started")}
          value={isTimed ? formatDateTime(started, true) : "–"}
          {...(isTimed && {
            title: formatUtc(started),
            note: formatAgo(millisFromNanos(started), nowMillis.value),
          })}
        />
        {lengthNanos < trace.durationNanos * ROOT_SHARE_MIN && (
          <Fact
            label={say("traceHeader.asStamped")}
            value={formatDuration(trace.durationNanos)}
            title={say("traceHeader.asStampedHint")}
          />
        )}
        {rootNanos < lengthNanos * ROOT_SHARE_MIN && (
          <Fact
            label={say("traceHeader.rootSpan")}
            value={formatDuration(rootNanos)}
            title={say("traceHeader.whatItsCallerWaitedForOther")}
          />
        )}
        <Fact label={say("traceHeader.spans")} value={formatCount(trace.spans.length)} />
        <Fact label={say("traceHeader.depth")} value={formatCount(trace.depthMax)} />
        <Fact
          label={say("traceHeader.errors")}
          value={formatCount(trace.errorCount)}
          isBad={trace.errorCount > 0}
        />
        <ServiceList state={props.state} />
      </dl>
    </header>
  );
}

/** Those that failed first, then as they were called. */
function ServiceList({ state }: { readonly state: TraceState }) {
  const [isOpen, setOpen] = useState(false);
  const { services } = state.trace;
  const sorted = [...services].sort((a, b) => Number(b.errorCount > 0) - Number(a.errorCount > 0));
  const hidden = services.length - SERVICES_SHOWN;
  return (
    <div class="fact-services">
      <dt>{counted(services.length, "service")}</dt>
      <dd class="chips">
        {sorted.slice(0, isOpen ? services.length : SERVICES_SHOWN).map((service) => (
          <button
            key={service.name}
            type="button"
            class="chip-button"
            title={say("traceHeader.markTheSpansOf", { name: service.name })}
            onClick={() => toggleService(state, service.name)}
          >
            <ServiceChip {...service} />
          </button>
        ))}
        {hidden > 0 && (
          <button
            type="button"
            class="chip-button"
            aria-expanded={isOpen}
            title={
              isOpen
                ? say("traceHeader.fewerServices")
                : say("traceHeader.moreServices", { hidden })
            }
            onClick={() => setOpen(!isOpen)}
          >
            <span class="chip muted">{isOpen ? say("traceHeader.fewer") : `+${hidden}`}</span>
          </button>
        )}
      </dd>
    </div>
  );
}

function toggleService(state: TraceState, name: string): void {
  const find = `{ resource.service.name = ${quote(name)} }`;
  state.update({ find: state.route.find === find ? "" : find });
}

/** One pin for each reason: the one that holds longest. */
function longestPins(pins: readonly Pin[]): readonly Pin[] {
  const byReason = new Map<string, Pin>();
  for (const pin of pins) {
    const known = byReason.get(pin.reason);
    if (!known || pin.until > known.until) byReason.set(pin.reason, pin);
  }
  return [...byReason.values()];
}

function Fact(props: {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
  readonly title?: string;
  readonly isBad?: boolean;
}) {
  return (
    <div>
      <dt>{props.label}</dt>
      <dd class={props.isBad ? "number bad" : "number"} title={props.title}>
        {props.value}
        {props.note && <span class="muted"> · {props.note}</span>}
      </dd>
    </div>
  );
}
