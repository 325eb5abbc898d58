import type { Pin, TraceAnswer } from "../../api/trace.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import {
  formatAgo,
  formatDateTime,
  formatDuration,
  formatUtc,
  millisFromNanos,
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
const SERVICES_SHOWN = 12;
/** A root that fills less of its trace than this has its time told apart. */
const ROOT_SHARE_MIN = 0.8;

export function TraceHeader(props: { readonly state: TraceState; readonly answer: TraceAnswer }) {
  const { trace, route } = props.state;
  const root = trace.spans[mainRoot(trace)];
  const rootNanos = trace.duration[mainRoot(trace)];
  const hidden = trace.services.length - SERVICES_SHOWN;
  return (
    <header class="trace-header">
      <div class="trace-title">
        <h1>
          <ServiceName name={root.resource.serviceName} />
          <span class="trace-operation">{root.name || say("traceHeader.noName")}</span>
          <strong class="number trace-duration">{formatDuration(trace.durationNanos)}</strong>
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
            <Icon name="pin" /> {say("traceHeader.pinned")} {pin.reason}
          </span>
        ))}
        <TraceActions route={route} />
      </div>
      <dl class="facts">
        <Fact
          label={say("traceHeader.started")}
          value={formatDateTime(trace.start, true)}
          title={formatUtc(trace.start)}
          note={formatAgo(millisFromNanos(trace.start), nowMillis.value)}
        />
        {rootNanos < trace.durationNanos * ROOT_SHARE_MIN && (
          <Fact
            label={say("traceHeader.rootSpan")}
            value={formatDuration(rootNanos)}
            title={say("traceHeader.whatItsCallerWaitedForOther")}
          />
        )}
        <Fact
          label={say("traceHeader.spans")}
          value={counted(trace.spans.length, "span").replace(/ spans?$/, "")}
        />
        <Fact label={say("traceHeader.depth")} value={String(trace.depthMax)} />
        <Fact
          label={say("traceHeader.errors")}
          value={String(trace.errorCount)}
          isBad={trace.errorCount > 0}
        />
        <div class="fact-services">
          <dt>{counted(trace.services.length, "service")}</dt>
          <dd class="chips">
            {trace.services.slice(0, SERVICES_SHOWN).map((service) => (
              <button
                key={service.name}
                type="button"
                class="chip-button"
                title={say("traceHeader.markTheSpansOf", { name: service.name })}
                onClick={() => toggleService(props.state, service.name)}
              >
                <ServiceChip {...service} />
              </button>
            ))}
            {hidden > 0 && <span class="chip muted">+{hidden}</span>}
          </dd>
        </div>
      </dl>
    </header>
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
