import { useEffect, useMemo } from "preact/hooks";
import { fetchTrace, type TraceAnswer } from "../../api/trace.ts";
import { say, sayRich } from "../../base/say.ts";
import { nanosFromMillis } from "../../base/time.ts";
import { placeExemplars } from "../../model/exemplars.ts";
import { gapsNear, lossesOf } from "../../model/losses.ts";
import { correctedSpans, findSkew } from "../../model/skew.ts";
import { buildTrace, mainRoot, type Trace } from "../../model/trace.ts";
import { Resource } from "../../state/resource.ts";
import { meetServices, tellApart } from "../../state/services.ts";
import type { TraceRoute } from "../../state/url.ts";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { InsightStrip } from "./insight-strip.tsx";
import { TraceHeader } from "./trace-header.tsx";
import { TraceNotices } from "./trace-notices.tsx";
import { useTraceState } from "./trace-state.ts";
import { TraceWorkbench } from "./trace-workbench.tsx";

/** The answer and the trace built from it, so that it is built once. */
interface Loaded {
  readonly answer: TraceAnswer;
  readonly trace: Trace;
}

export function TracePage({ route }: { readonly route: TraceRoute }) {
  const loaded = useMemo(() => new Resource<Loaded>(), []);
  const load = () => void loaded.load(route.traceId, (signal) => fetchLoaded(route, signal));
  // Loads anew for another trace only.
  useEffect(() => {
    load();
    return () => loaded.stop();
  }, [route.traceId]);

  const { data, failure, loading } = loaded.state.value;
  if (!data && loading) return <Loading text={say("trace.theTrace")} />;
  if (!data && failure?.status === 404) {
    return (
      <Empty isWholePage title={say("trace.noTraceHasThisId")}>
        <p>
          <code>{route.traceId}</code>
        </p>
        <p>{failure.sentence}</p>
        <p>
          {sayRich("trace.searchOrLookAgain", {
            search: (words) => <a href="/search">{words}</a>,
            again: (words) => (
              <button type="button" class="link" onClick={load}>
                {words}
              </button>
            ),
          })}
        </p>
      </Empty>
    );
  }
  if (!data) {
    const reason = failure ?? { sentence: say("trace.nothingWasLoaded"), status: 0 };
    return (
      <FailureBox title={say("trace.theTraceCouldNotBeLoaded")} failure={reason} onRetry={load} />
    );
  }
  return <TraceView loaded={data} route={route} />;
}

function TraceView({ loaded, route }: { readonly loaded: Loaded; readonly route: TraceRoute }) {
  const { answer } = loaded;
  const skew = useMemo(() => findSkew(loaded.trace), [loaded]);
  const trace = useMemo(() => {
    if (!route.isCorrected || skew.clocks.length === 0) return loaded.trace;
    return buildTrace(correctedSpans(loaded.trace, skew), nanosFromMillis(Date.now()));
  }, [loaded, skew, route.isCorrected]);
  const exemplars = useMemo(() => placeExemplars(trace, answer.exemplars), [trace, answer]);
  const state = useTraceState(trace, route, skew);
  const gaps = useMemo(
    () => (skew.clocks.length > 0 ? gapsNear(trace, answer.gaps, state.plausible) : answer.gaps),
    [trace, answer, skew, state.plausible],
  );
  const lost = useMemo(() => lossesOf(trace, gaps), [trace, gaps]);
  useEffect(() => {
    const root = trace.spans[mainRoot(trace)];
    if (root)
      document.title = say("trace.sigyn", {
        serviceName: root.resource.serviceName,
        name: root.name,
      });
  }, [trace]);
  useEffect(() => {
    const bySize = [...trace.services].sort((a, b) => b.spanCount - a.spanCount);
    tellApart(bySize.map((service) => service.name));
    return () => tellApart([]);
  }, [trace]);
  const notices = (
    <TraceNotices trace={trace} route={route} skew={skew} exemplars={exemplars} gaps={gaps} />
  );
  if (trace.spans.length === 0) {
    return (
      <>
        {notices}
        <Empty isWholePage title={say("trace.noSpanOfThisTraceIs")}>
          <p>{sayRich("trace.holdsNoSpan", { id: <code>{route.traceId}</code> })}</p>
        </Empty>
      </>
    );
  }
  return (
    <>
      <TraceHeader state={state} answer={answer} />
      <InsightStrip state={state} />
      {notices}
      <TraceWorkbench state={state} exemplars={exemplars} lost={lost} />
    </>
  );
}

async function fetchLoaded(route: TraceRoute, signal: AbortSignal) {
  const result = await fetchTrace(route.traceId, signal);
  if (!result.ok) return result;
  const trace = buildTrace(result.value.spans, nanosFromMillis(Date.now()));
  meetServices(trace.services.map((service) => service.name));
  return { ok: true, value: { answer: result.value, trace } } as const;
}
