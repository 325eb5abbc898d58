import { useEffect, useMemo } from "preact/hooks";
import { fetchTrace, type TraceAnswer } from "../../api/trace.ts";
import { nanosFromMillis } from "../../base/time.ts";
import { placeExemplars } from "../../model/exemplars.ts";
import { buildTrace, type Trace } from "../../model/trace.ts";
import { Resource } from "../../state/resource.ts";
import { meetServices } from "../../state/services.ts";
import type { TraceRoute } from "../../state/url.ts";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { TraceHeader } from "./trace-header.tsx";
import { TraceNotices } from "./trace-notices.tsx";
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
  if (!data && loading) return <Loading what="the trace" />;
  if (!data && failure?.status === 404) {
    return (
      <Empty title="No trace has this ID">
        <p>
          <code>{route.traceId}</code>
        </p>
        <p>{failure.sentence}</p>
        <p>
          <a href="/search">Search</a> for others, or{" "}
          <button type="button" class="link" onClick={load}>
            look again
          </button>
          .
        </p>
      </Empty>
    );
  }
  if (!data) {
    const reason = failure ?? { sentence: "Nothing was loaded.", status: 0 };
    return <FailureBox title="The trace could not be loaded" failure={reason} onRetry={load} />;
  }
  return <TraceView loaded={data} route={route} />;
}

function TraceView({ loaded, route }: { readonly loaded: Loaded; readonly route: TraceRoute }) {
  const { answer, trace } = loaded;
  const exemplars = useMemo(() => placeExemplars(trace, answer.exemplars), [trace, answer]);
  if (trace.spans.length === 0) {
    return (
      <>
        <TraceNotices trace={trace} route={route} exemplars={exemplars} gaps={answer.gaps} />
        <Empty title="No span of this trace is here">
          <p>
            Sigyn knows <code>{route.traceId}</code>, but holds none of its spans (yet).
          </p>
        </Empty>
      </>
    );
  }
  return (
    <>
      <TraceHeader trace={trace} route={route} pins={answer.pins} />
      <TraceNotices trace={trace} route={route} exemplars={exemplars} gaps={answer.gaps} />
      <TraceWorkbench trace={trace} route={route} exemplars={exemplars} />
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
