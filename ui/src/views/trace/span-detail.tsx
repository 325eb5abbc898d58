import type { ComponentChildren } from "preact";
import { formatClock, formatDateTime, formatDuration, formatUtc } from "../../base/time.ts";
import type { PlacedExemplar } from "../../model/exemplars.ts";
import { selfNanos } from "../../model/self-time.ts";
import { spanJson } from "../../model/span-json.ts";
import { spanKey } from "../../model/span-key.ts";
import { childrenOf, type Trace } from "../../model/trace.ts";
import { buildQuery, EMPTY_FORM } from "../../model/traceql.ts";
import { Oddity } from "../../model/tree.ts";
import { emptySearch, formatRoute, type TraceRoute, traceRoute } from "../../state/url.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { Icon } from "../parts/icon.tsx";
import { ServiceName } from "../parts/service.tsx";
import { AttributeTable } from "./attribute-table.tsx";
import { Percentile } from "./percentile.tsx";
import { TemplateLinks } from "./template-links.tsx";

export function SpanDetail(props: {
  readonly trace: Trace;
  readonly route: TraceRoute;
  readonly index: number;
  /** Own time on the critical path. */
  readonly pathNanos: number;
  readonly exemplars: readonly PlacedExemplar[];
  readonly onClose: () => void;
  readonly onSelect: (span: number) => void;
  readonly onRoot: (span: number) => void;
}) {
  const { trace, index, route } = props;
  const span = trace.spans[index];
  const key = spanKey(trace, index);
  const link = `${location.origin}${formatRoute(traceRoute(route.traceId, key))}`;
  const similar = buildQuery({
    ...EMPTY_FORM,
    service: span.resource.serviceName,
    operation: span.name,
  });
  return (
    <aside class="detail" aria-label="Span detail">
      <header class="detail-head">
        <div>
          <ServiceName name={span.resource.serviceName} />
          <h2>{span.name || "(no name)"}</h2>
        </div>
        <button
          type="button"
          class="icon-button"
          aria-label="Close the detail"
          onClick={props.onClose}
        >
          <Icon name="close" />
        </button>
      </header>
      <div class="detail-actions">
        <CopyButton text={link} label="Copy a link to this span" caption="Link" />
        <CopyButton text={spanJson(span)} label="Copy this span as JSON" caption="JSON" />
        <button
          type="button"
          class="small-button"
          title="Show only this span and what is below it (r)"
          onClick={() => props.onRoot(index)}
        >
          <Icon name="target" /> Root here
        </button>
        <a class="small-button" href={formatRoute(emptySearch(similar))}>
          <Icon name="search" /> Similar spans
        </a>
      </div>
      {span.status === "error" && (
        <p class="detail-error">
          <Icon name="warn" /> {span.statusMessage || "This span ended with an error."}
        </p>
      )}
      <Facts trace={trace} index={index} pathNanos={props.pathNanos} onSelect={props.onSelect} />
      <Percentile key={`${index}`} span={span} />
      <TemplateLinks span={span} traceId={route.traceId} />
      {props.exemplars.length > 0 && (
        <Section title="Exemplars" count={props.exemplars.length}>
          {props.exemplars.map((placed) => (
            <p key={`${placed.series} ${placed.exemplar.time}`} class="detail-exemplar">
              <span class="diamond" aria-hidden="true" />
              <span>
                <code>{placed.series}</code> ={" "}
                <strong class="number">{placed.exemplar.value}</strong> at{" "}
                <span class="number">{formatClock(placed.exemplar.time, true)}</span>
              </span>
            </p>
          ))}
        </Section>
      )}
      <Section title="Attributes" count={span.attributes.length}>
        <AttributeTable attributes={span.attributes} scope="span" />
        {span.droppedCount > 0 && (
          <p class="hint">{span.droppedCount} more were dropped before they reached Sigyn.</p>
        )}
      </Section>
      {span.events.length > 0 && (
        <Section title="Events" count={span.events.length}>
          {span.events.map((event, at) => (
            <div key={`${event.time} ${at}`} class="event">
              <p>
                <strong class={event.name === "exception" ? "bad" : undefined}>{event.name}</strong>{" "}
                <span class="number muted">+{formatDuration(Number(event.time - span.start))}</span>
              </p>
              <AttributeTable attributes={event.attributes} scope="event" />
            </div>
          ))}
        </Section>
      )}
      {span.links.length > 0 && (
        <Section title="Links" count={span.links.length}>
          {span.links.map((one, at) => (
            <div key={`${one.spanId} ${at}`} class="event">
              <p class="mono">
                {one.traceId ? (
                  <a href={formatRoute(traceRoute(one.traceId, one.spanId))}>{one.traceId}</a>
                ) : (
                  "(no trace ID)"
                )}
              </p>
              <AttributeTable attributes={one.attributes} scope="link" />
            </div>
          ))}
        </Section>
      )}
      <Section title="Resource" count={span.resource.attributes.length}>
        <AttributeTable attributes={span.resource.attributes} scope="resource" />
      </Section>
      {(span.scope.name !== "" || span.scope.attributes.length > 0) && (
        <Section title="Scope" count={span.scope.attributes.length}>
          <p class="scope mono">
            {span.scope.name} <span class="muted">{span.scope.version}</span>
          </p>
          <AttributeTable attributes={span.scope.attributes} scope="instrumentation" />
        </Section>
      )}
    </aside>
  );
}

function Facts(props: {
  readonly trace: Trace;
  readonly index: number;
  readonly pathNanos: number;
  readonly onSelect: (span: number) => void;
}) {
  const { trace, index } = props;
  const span = trace.spans[index];
  const own = selfNanos(trace, index);
  const share = trace.durationNanos > 0 ? (trace.duration[index] / trace.durationNanos) * 100 : 100;
  const parent = trace.parent[index];
  return (
    <dl class="detail-facts">
      <Fact label="Duration">
        {formatDuration(trace.duration[index])}{" "}
        <span class="muted">{share < 0.1 ? "< 0.1" : share.toFixed(1)} % of the trace</span>
      </Fact>
      <Fact label="Own time">
        {formatDuration(own)}{" "}
        <span class="muted">
          {props.pathNanos > 0
            ? `${formatDuration(props.pathNanos)} on the critical path`
            : "not on the critical path"}
        </span>
      </Fact>
      <Fact label="Start">
        {trace.offset[index] === 0 ? "0" : `+${formatDuration(trace.offset[index])}`}{" "}
        <span class="muted" title={formatUtc(span.start)}>
          {formatDateTime(span.start, true)}
        </span>
      </Fact>
      {(trace.oddities[index] & (Oddity.EndsBeforeStart | Oddity.InFuture | Oddity.OutOfRange)) !==
        0 && <Fact label="End">{formatDateTime(span.end, true)}</Fact>}
      <Fact label="Kind">{span.kind}</Fact>
      <Fact label="Status">
        <span class={span.status === "error" ? "bad" : undefined}>{span.status}</span>
      </Fact>
      <Fact label="Span ID">
        <span class="mono">{span.spanId ?? "none"}</span>
        {span.spanId && <CopyButton text={span.spanId} label="Copy the span ID" />}
      </Fact>
      <Fact label="Parent">
        {parent >= 0 ? (
          <button type="button" class="link" onClick={() => props.onSelect(parent)}>
            {trace.spans[parent].name || "(no name)"}
          </button>
        ) : (
          <span class="muted">
            {span.parentSpanId ? `${span.parentSpanId} (not used)` : "none, a root"}
          </span>
        )}
      </Fact>
      <Fact label="Children">{childrenOf(trace, index).length}</Fact>
    </dl>
  );
}

function Fact(props: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{props.label}</dt>
      <dd class="number">{props.children}</dd>
    </div>
  );
}

function Section(props: {
  readonly title: string;
  readonly count: number;
  readonly children: ComponentChildren;
}) {
  return (
    <details class="detail-section" open>
      <summary>
        {props.title} <span class="number muted">{props.count}</span>
      </summary>
      {props.children}
    </details>
  );
}
