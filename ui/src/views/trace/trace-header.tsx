import type { Pin } from "../../api/trace.ts";
import { counted } from "../../base/number.ts";
import { formatAgo, formatDateTime, formatDuration, millisFromNanos } from "../../base/time.ts";
import { mainRoot, type Trace } from "../../model/trace.ts";
import { nowMillis } from "../../state/clock.ts";
import type { TraceRoute } from "../../state/url.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { Icon } from "../parts/icon.tsx";
import { ServiceChip, ServiceName } from "../parts/service.tsx";

/** More services than this are counted, not listed. */
const SERVICES_SHOWN = 12;

export function TraceHeader(props: {
  readonly trace: Trace;
  readonly route: TraceRoute;
  readonly pins: readonly Pin[];
}) {
  const { trace, route } = props;
  const root = trace.spans[mainRoot(trace)];
  const hidden = trace.services.length - SERVICES_SHOWN;
  return (
    <header class="trace-header">
      <div class="trace-title">
        <h1>
          <ServiceName name={root.resource.serviceName} />
          <span class="trace-operation">{root.name || "(no name)"}</span>
        </h1>
        <span class="trace-id mono">
          {route.traceId}
          <CopyButton text={route.traceId} label="Copy the trace ID" />
        </span>
        <span class="grow" />
        {longestPins(props.pins).map((pin) => (
          <span
            key={pin.reason}
            class="chip pin"
            title={`Kept until ${formatDateTime(pin.until)}, whatever retention says`}
          >
            <Icon name="pin" /> pinned: {pin.reason}
          </span>
        ))}
      </div>
      <dl class="facts">
        <Fact label="Duration" value={formatDuration(trace.durationNanos)} />
        <Fact
          label="Started"
          value={formatDateTime(trace.start, true)}
          note={formatAgo(millisFromNanos(trace.start), nowMillis.value)}
        />
        <Fact label="Spans" value={counted(trace.spans.length, "span").replace(/ spans?$/, "")} />
        <Fact label="Depth" value={String(trace.depthMax)} />
        <Fact label="Errors" value={String(trace.errorCount)} isBad={trace.errorCount > 0} />
        <div class="fact-services">
          <dt>{counted(trace.services.length, "service")}</dt>
          <dd class="chips">
            {trace.services.slice(0, SERVICES_SHOWN).map((service) => (
              <ServiceChip key={service.name} {...service} />
            ))}
            {hidden > 0 && <span class="chip muted">+{hidden}</span>}
          </dd>
        </div>
      </dl>
    </header>
  );
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
  readonly isBad?: boolean;
}) {
  return (
    <div>
      <dt>{props.label}</dt>
      <dd class={props.isBad ? "number bad" : "number"}>
        {props.value}
        {props.note && <span class="muted"> · {props.note}</span>}
      </dd>
    </div>
  );
}
