import { signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { fetchHeat, type SpanHeat } from "../../api/heat.ts";
import type { Span } from "../../api/otlp.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatClock, formatDuration, millisFromNanos, nanosFromMillis } from "../../base/time.ts";
import { thinned } from "../../model/exemplars.ts";
import { quote } from "../../model/traceql.ts";
import { Resource } from "../../state/resource.ts";
import { navigate } from "../../state/router.ts";
import { traceRoute } from "../../state/url.ts";
import { HeatPlot } from "../parts/heat-plot.tsx";

const AROUND_SECONDS = 900;
const COLUMNS = 60;
const HEIGHT = 130;

/** Who opened it for one span wants to see it for the next. */
const isOpen = signal(false);

/** How long this operation took round the time of this span, all of its spans, with its exemplars as dots. */
export function OperationLatency(props: { readonly span: Span; readonly traceId: string }) {
  return (
    <details
      class="detail-section operation-latency"
      open={isOpen.value}
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>{say("operationLatency.title")}</summary>
      {isOpen.value && <LatencyPlot {...props} />}
    </details>
  );
}

function LatencyPlot({ span, traceId }: { readonly span: Span; readonly traceId: string }) {
  const heat = useMemo(() => new Resource<SpanHeat>(), []);
  const atMillis = millisFromNanos(span.start);
  const query = `{ resource.service.name = ${quote(span.resource.serviceName)} && name = ${quote(span.name)} }`;
  const load = () => {
    const at = Math.round(atMillis / 1000);
    const asked = {
      query,
      startSeconds: at - AROUND_SECONDS,
      endSeconds: Math.min(at + AROUND_SECONDS, Math.ceil(Date.now() / 1000)),
      columns: COLUMNS,
    };
    void heat.load(query, (signal) => fetchHeat(asked, signal));
  };
  useEffect(() => {
    load();
    return () => heat.stop();
  }, [query, atMillis]);
  const { data, failure } = heat.state.value;
  if (failure) {
    return (
      <p class="muted">
        {say("operationLatency.failed", { sentence: failure.sentence })}{" "}
        <button type="button" class="link" onClick={load}>
          {say("states.tryAgain")}
        </button>
      </p>
    );
  }
  if (!data) return <div style={{ height: `${HEIGHT}px` }} />;
  if (data.heat.total === 0) return <p class="muted">{say("operationLatency.none")}</p>;
  const exemplars = thinned(
    data.spans.filter((one) => one.isExemplar && one.traceId !== traceId),
    data.heat,
    (one) => ({ atMillis: one.atMillis, value: one.durationNanos }),
    { across: 16, up: 6 },
  );
  const spans = counted(data.heat.total, "span");
  return (
    <>
      <HeatPlot
        heat={data.heat}
        height={HEIGHT}
        noun="span"
        label={say("operationLatency.label", { spans })}
        mark={{ atMillis, value: Number(span.end - span.start) }}
        dots={exemplars.map((one) => ({
          atMillis: one.atMillis,
          value: one.durationNanos,
          words: (
            <>
              <strong class="number">{formatDuration(one.durationNanos)}</strong>
              <span>{say("searchBody.exemplarOpens")}</span>
              <span class="number muted">{formatClock(nanosFromMillis(one.atMillis))}</span>
            </>
          ),
        }))}
        onDot={(dot) => navigate(traceRoute(exemplars[dot].traceId, exemplars[dot].spanId))}
      />
      <p class="hint">{say("operationLatency.legend", { spans })}</p>
    </>
  );
}
