import type { FoundTrace } from "../../api/search.ts";
import { counted } from "../../base/number.ts";
import {
  formatAgo,
  formatClock,
  formatDateTime,
  formatDuration,
  millisFromNanos,
} from "../../base/time.ts";
import { nowMillis } from "../../state/clock.ts";
import { formatRoute, traceRoute } from "../../state/url.ts";
import { ServiceChip, ServiceName, serviceColour } from "../parts/service.tsx";

/** More services than this are counted, not listed. */
const SERVICES_SHOWN = 6;

export function Results(props: {
  readonly traces: readonly FoundTrace[];
  readonly hovered: number;
  readonly onHover: (index: number) => void;
}) {
  const longest = props.traces.reduce((max, trace) => Math.max(max, trace.durationNanos), 1);
  return (
    <ol class="results card">
      {props.traces.map((trace, index) => (
        <li key={trace.traceId}>
          <a
            class={index === props.hovered ? "result hovered" : "result"}
            href={formatRoute(traceRoute(trace.traceId))}
            onMouseEnter={() => props.onHover(index)}
            onMouseLeave={() => props.onHover(-1)}
          >
            <ResultRow trace={trace} longest={longest} />
          </a>
        </li>
      ))}
    </ol>
  );
}

function ResultRow(props: { readonly trace: FoundTrace; readonly longest: number }) {
  const { trace } = props;
  const share = Math.max(0.5, (trace.durationNanos / props.longest) * 100);
  const shown = trace.services.slice(0, SERVICES_SHOWN);
  const more = trace.services.length - shown.length;
  return (
    <>
      <span class="result-name">
        <ServiceName name={trace.rootService} />
        <span class={trace.isRootHere ? "result-operation" : "result-operation muted"}>
          {trace.isRootHere ? trace.rootName || "(no name)" : "root span not received yet"}
        </span>
        {trace.errorCount > 0 && (
          <span class="badge error">{counted(trace.errorCount, "error")}</span>
        )}
      </span>
      <span class="result-duration number">
        <span class="result-bar-track" aria-hidden="true">
          <span style={{ width: `${share}%`, background: serviceColour(trace.rootService) }} />
        </span>
        <span>{trace.durationNanos < 1e6 ? "< 1 ms" : formatDuration(trace.durationNanos)}</span>
      </span>
      <span class="result-services">
        <span class="number muted result-spans">{counted(trace.spanCount, "span")}</span>
        {shown.map((service) => (
          <ServiceChip key={service.name} {...service} />
        ))}
        {more > 0 && <span class="chip muted">+{more}</span>}
      </span>
      <When trace={trace} />
    </>
  );
}

function When({ trace }: { readonly trace: FoundTrace }) {
  return (
    <time class="result-time number" title={formatDateTime(trace.start, true)}>
      {formatAgo(millisFromNanos(trace.start), nowMillis.value)}
      <span class="muted">{formatClock(trace.start)}</span>
    </time>
  );
}
