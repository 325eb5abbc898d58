import "../../styles/compare.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Contrast, fetchContrast } from "../../api/contrast.ts";
import { fetchStructure, type ShortTrace } from "../../api/structure.ts";
import { fetchTrace } from "../../api/trace.ts";
import { traceId } from "../../base/ids.ts";
import { failure, type Result, success } from "../../base/result.ts";
import { say } from "../../base/say.ts";
import { nanosFromMillis } from "../../base/time.ts";
import { compare, shortTrace } from "../../model/compare.ts";
import { bounds } from "../../model/time-range.ts";
import { buildTrace } from "../../model/trace.ts";
import { Resource } from "../../state/resource.ts";
import { navigate } from "../../state/router.ts";
import { meetServices } from "../../state/services.ts";
import { type CompareRoute, compareRoute, formatRoute } from "../../state/url.ts";
import { RangePicker } from "../parts/range-picker.tsx";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { CallTable } from "./call-table.tsx";
import { ContrastList } from "./contrast-list.tsx";
import { SideSummaries } from "./side-summaries.tsx";

/** Traces of a set that are looked at. */
const SET_SIZE = 100;

interface Sides {
  readonly a: readonly ShortTrace[];
  readonly b: readonly ShortTrace[];
}

const PRESETS: readonly (readonly [string, string, string])[] = [
  [
    say("compare.whatFailedAgainstWhatDidNot"),
    "{ nestedSetParent < 0 && status = error }",
    "{ nestedSetParent < 0 && status != error }",
  ],
  [
    say("compare.slowerThan100MsAgainstThe"),
    "{ traceDuration > 100ms }",
    "{ traceDuration <= 100ms }",
  ],
];

/** Two traces, or two sets of traces, side by side. */
export function ComparePage({ route }: { readonly route: CompareRoute }) {
  const sides = useMemo(() => new Resource<Sides>(), []);
  const contrast = useMemo(() => new Resource<Contrast>(), []);
  const key = JSON.stringify([route.a, route.b, route.range]);
  const isReady = route.a.trim() !== "" && route.b.trim() !== "";
  const load = () => {
    if (!isReady) return;
    void sides.load(key, (signal) => fetchSides(route, signal));
    const { start, end } = bounds(route.range, Date.now());
    void contrast.load(key, (signal) =>
      fetchContrast(asQuery(route.a), asQuery(route.b), start, end, signal),
    );
  };
  // Anew for another question only.
  useEffect(() => {
    load();
    return () => {
      sides.stop();
      contrast.stop();
    };
  }, [key]);
  const { data, failure: reason, loading } = sides.state.value;
  const comparison = useMemo(() => data && compare(data.a, data.b), [data]);
  return (
    <>
      <div class="page-head">
        <h1>{say("compare.compare")}</h1>
        <span class="muted">{say("compare.twoTracesOrTwoSetsOf")}</span>
      </div>
      <CompareForm key={key} route={route} />
      {!isReady && <Teach />}
      {isReady && reason && (
        <FailureBox
          title={say("compare.theComparisonCouldNotBeMade")}
          failure={reason}
          onRetry={load}
        />
      )}
      {isReady && !data && !reason && loading && <Loading text={say("compare.bothSides")} />}
      {data && (data.a.length === 0 || data.b.length === 0) && (
        <Empty title={say("compare.nothingIsFoundFor", { value: data.a.length === 0 ? "A" : "B" })}>
          <p>{say("compare.widenTheTimeRangeOrAsk")}</p>
        </Empty>
      )}
      {data && comparison && data.a.length > 0 && data.b.length > 0 && (
        <>
          <SideSummaries route={route} comparison={comparison} setSize={SET_SIZE} />
          <ContrastList
            state={contrast.state.value}
            isTraces={traceId(route.a) !== null && traceId(route.b) !== null}
          />
          <CallTable comparison={comparison} />
        </>
      )}
    </>
  );
}

function CompareForm({ route }: { readonly route: CompareRoute }) {
  const [a, setA] = useState(route.a);
  const [b, setB] = useState(route.b);
  const field = (name: "A" | "B", value: string, set: (text: string) => void) => (
    <label class={`compare-side side-${name.toLowerCase()}`}>
      <strong>{name}</strong>
      <input
        type="text"
        class="mono"
        value={value}
        placeholder={say("compare.aTraceIdOrTraceql")}
        aria-label={say("compare.sideATraceIdOrA", { name })}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </label>
  );
  return (
    <form
      class="compare-form"
      onSubmit={(event) => {
        event.preventDefault();
        navigate({ ...route, a: a.trim(), b: b.trim() });
      }}
    >
      {field("A", a, setA)}
      <button
        type="button"
        title={say("compare.theOtherWayRound")}
        aria-label={say("compare.exchangeAAndB")}
        onClick={() => navigate({ ...route, a: b.trim(), b: a.trim() })}
      >
        ⇄
      </button>
      {field("B", b, setB)}
      <RangePicker range={route.range} onChange={(range) => navigate({ ...route, range })} />
      <button type="submit" class="primary">
        {say("compare.compare")}
      </button>
    </form>
  );
}

function Teach() {
  return (
    <Empty title={say("compare.whatSetsThemApart")}>
      <p>{say("compare.whatToGive", { count: SET_SIZE })}</p>
      {PRESETS.map(([label, a, b]) => (
        <p key={label}>
          <a href={formatRoute(compareRoute(a, b))}>{label}</a>
        </p>
      ))}
      <p>{say("compare.orPickCompareBesideTwoTraces")}</p>
    </Empty>
  );
}

/** A trace ID as the query that finds it. */
function asQuery(side: string): string {
  const id = traceId(side);
  return id === null ? side : `{ trace:id = "${id}" }`;
}

async function fetchSides(route: CompareRoute, signal: AbortSignal): Promise<Result<Sides>> {
  const [a, b] = await Promise.all([
    fetchSide(route.a, route, signal),
    fetchSide(route.b, route, signal),
  ]);
  if (!a.ok) return failure(`A: ${a.failure.sentence}`, a.failure.status);
  if (!b.ok) return failure(`B: ${b.failure.sentence}`, b.failure.status);
  meetServices([...a.value, ...b.value].flatMap(({ spans }) => spans.map((span) => span.service)));
  return success({ a: a.value, b: b.value });
}

async function fetchSide(
  side: string,
  route: CompareRoute,
  signal: AbortSignal,
): Promise<Result<readonly ShortTrace[]>> {
  const id = traceId(side);
  if (id === null) {
    const { start, end } = bounds(route.range, Date.now());
    const asked = { query: side, startSeconds: start, endSeconds: end, limit: SET_SIZE };
    return fetchStructure(asked, signal);
  }
  const answer = await fetchTrace(id, signal);
  if (!answer.ok) return answer;
  const trace = buildTrace(answer.value.spans, nanosFromMillis(Date.now()));
  return success([shortTrace(trace, id)]);
}
