import type { ComponentChildren } from "preact";
import { say } from "../../base/say.ts";
import { formatDateTime, formatDuration, formatOffset, formatUtc } from "../../base/time.ts";
import type { PlacedExemplar } from "../../model/exemplars.ts";
import { failureReason } from "../../model/insight.ts";
import { spanFields } from "../../model/link-template.ts";
import { selfNanos } from "../../model/self-time.ts";
import { spanJson } from "../../model/span-json.ts";
import { spanKey } from "../../model/span-key.ts";
import { childrenOf, durationText, type Trace } from "../../model/trace.ts";
import { buildQuery, EMPTY_FORM } from "../../model/traceql.ts";
import { Oddity } from "../../model/tree.ts";
import { emptySearch, formatRoute, type TraceRoute, traceRoute } from "../../state/url.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { Icon } from "../parts/icon.tsx";
import { ServiceName } from "../parts/service.tsx";
import { TemplateChooser, TemplateLinks } from "../parts/template-links.tsx";
import { AttributeTable } from "./attribute-table.tsx";
import { OperationLatency } from "./operation-latency.tsx";
import { Percentile } from "./percentile.tsx";
import { SpanExemplars } from "./span-exemplars.tsx";

export function SpanDetail(props: {
  readonly trace: Trace;
  readonly route: TraceRoute;
  readonly index: number;
  /** Own time on the critical path. */
  readonly pathNanos: number;
  /** How long the trace is, apart from what differing clocks add. */
  readonly wholeNanos: number;
  /** What starts are told from. */
  readonly zeroNanos: number;
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
    <aside class="detail" aria-label={say("spanDetail.spanDetail")}>
      <header class="detail-head">
        <div>
          <ServiceName name={span.resource.serviceName} />
          <h2 title={span.name}>{span.name || say("noName")}</h2>
        </div>
        <button
          type="button"
          class="icon-button"
          aria-label={say("spanDetail.closeTheDetail")}
          onClick={props.onClose}
        >
          <Icon name="close" />
        </button>
      </header>
      <div class="detail-actions">
        <CopyButton
          text={link}
          label={say("spanDetail.copyALinkToThisSpan")}
          caption={say("spanDetail.link")}
        />
        <CopyButton
          text={spanJson(span)}
          label={say("spanDetail.copyThisSpanAsJson")}
          caption={say("spanDetail.json")}
        />
        <button
          type="button"
          class="small-button"
          title={say("spanDetail.showOnlyThisSpanAndWhat")}
          onClick={() => props.onRoot(index)}
        >
          <Icon name="target" /> {say("spanDetail.rootHere")}
        </button>
        <a class="small-button" href={formatRoute(emptySearch(similar))}>
          <Icon name="search" /> {say("spanDetail.similarSpans")}
        </a>
      </div>
      {span.status === "error" && (
        <p class="detail-error">
          <Icon name="warn" /> {failureReason(span) || say("spanDetail.thisSpanEndedWithAnError")}
        </p>
      )}
      <Facts
        trace={trace}
        index={index}
        pathNanos={props.pathNanos}
        wholeNanos={props.wholeNanos}
        zeroNanos={props.zeroNanos}
        onSelect={props.onSelect}
      />
      <Percentile key={`${index}`} span={span} />
      <OperationLatency key={`latency ${index}`} span={span} traceId={route.traceId} />
      <div class="detail-links">
        <TemplateLinks of="span" fields={spanFields(span, route.traceId)} />
        <TemplateChooser of="span" />
      </div>
      {props.exemplars.length > 0 && <SpanExemplars exemplars={props.exemplars} />}
      <Section title={say("spanDetail.attributes")} count={span.attributes.length}>
        <AttributeTable attributes={span.attributes} scope="span" />
        {span.droppedCount > 0 && (
          <p class="hint">{say("spanDetail.moreDropped", { count: span.droppedCount })}</p>
        )}
      </Section>
      {span.events.length > 0 && (
        <Section title={say("spanDetail.events")} count={span.events.length}>
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
        <Section title={say("spanDetail.links")} count={span.links.length}>
          {span.links.map((one, at) => (
            <div key={`${one.spanId} ${at}`} class="event">
              <p class="mono">
                {one.traceId ? (
                  <a href={formatRoute(traceRoute(one.traceId, one.spanId))}>{one.traceId}</a>
                ) : (
                  say("spanDetail.noTraceId")
                )}
              </p>
              <AttributeTable attributes={one.attributes} scope="link" />
            </div>
          ))}
        </Section>
      )}
      <Section title={say("spanDetail.resource")} count={span.resource.attributes.length}>
        <AttributeTable attributes={span.resource.attributes} scope="resource" />
      </Section>
      {(span.scope.name !== "" || span.scope.attributes.length > 0) && (
        <Section title={say("spanDetail.scope")} count={span.scope.attributes.length}>
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
  readonly wholeNanos: number;
  readonly zeroNanos: number;
  readonly onSelect: (span: number) => void;
}) {
  const { trace, index } = props;
  const span = trace.spans[index];
  const own = selfNanos(trace, index);
  const share = props.wholeNanos > 0 ? (trace.duration[index] / props.wholeNanos) * 100 : 100;
  const parent = trace.parent[index];
  return (
    <dl class="detail-facts">
      <Fact label={say("spanDetail.duration")}>
        {durationText(trace, index)}{" "}
        <span class="muted">
          {say("spanDetail.shareOfTheTrace", { share: share < 0.1 ? "< 0.1" : share.toFixed(1) })}
        </span>
      </Fact>
      <Fact label={say("spanDetail.ownTime")}>
        {formatDuration(own)}{" "}
        <span class="muted">
          {props.pathNanos > 0
            ? say("spanDetail.onTheCriticalPath", { pathNanos: formatDuration(props.pathNanos) })
            : say("spanDetail.notOnTheCriticalPath")}
        </span>
      </Fact>
      <Fact label={say("spanDetail.start")}>
        {formatOffset(trace.offset[index] - props.zeroNanos)}{" "}
        <span class="muted" title={formatUtc(span.start)}>
          {formatDateTime(span.start, true)}
        </span>
      </Fact>
      {(trace.oddities[index] & (Oddity.EndsBeforeStart | Oddity.InFuture | Oddity.OutOfRange)) !==
        0 && <Fact label={say("spanDetail.end")}>{formatDateTime(span.end, true)}</Fact>}
      <Fact label={say("spanDetail.kind")}>{span.kind}</Fact>
      <Fact label={say("spanDetail.status")}>
        <span class={span.status === "error" ? "bad" : undefined}>{span.status}</span>
      </Fact>
      <Fact label={say("spanDetail.spanId")}>
        <span class="mono">{span.spanId ?? say("spanDetail.none")}</span>
        {span.spanId && <CopyButton text={span.spanId} label={say("spanDetail.copyTheSpanId")} />}
      </Fact>
      <Fact label={say("spanDetail.parent")}>
        {parent >= 0 ? (
          <button type="button" class="link" onClick={() => props.onSelect(parent)}>
            {trace.spans[parent].name || say("noName")}
          </button>
        ) : (
          <span class="muted">
            {span.parentSpanId
              ? say("spanDetail.notUsed", { parentSpanId: span.parentSpanId })
              : say("spanDetail.noneARoot")}
          </span>
        )}
      </Fact>
      <Fact label={say("spanDetail.children")}>{childrenOf(trace, index).length}</Fact>
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
