import { useEffect, useMemo, useState } from "preact/hooks";
import { fetchFittedHeat, type SpanHeat } from "../../api/heat.ts";
import { counted, formatCount } from "../../base/number.ts";
import { say, sayRich } from "../../base/say.ts";
import { formatClock, formatDuration, millisFromNanos, nanosFromMillis } from "../../base/time.ts";
import { isArriving, isTimed } from "../../model/found-traces.ts";
import type { Narrowing } from "../../model/narrow.ts";
import { bounds } from "../../model/time-range.ts";
import { Resource } from "../../state/resource.ts";
import { navigate, replace } from "../../state/router.ts";
import type { FoundList, Search } from "../../state/search.ts";
import { type SearchRoute, traceRoute } from "../../state/url.ts";
import { HeatPlot } from "../parts/heat-plot.tsx";
import { isTyping, usePageKeys } from "../parts/hooks.ts";
import { Empty, Loading } from "../parts/states.tsx";
import { Results } from "./results.tsx";
import { ScatterPlot } from "./scatter-plot.tsx";

const HEAT_COLUMNS = 120;
/** An empty head of the range longer than this share is left out, and that is said. */
const LEFT_OUT_SHARE = 0.1;
const heat = new Resource<SpanHeat>();

export function SearchBody(props: {
  readonly route: SearchRoute;
  readonly search: Search;
  readonly onNarrow: (narrowing: Narrowing) => void;
}) {
  const { route, search } = props;
  const [hovered, setHovered] = useState(-1);
  const [current, setCurrent] = useState(-1);
  const [picked, setPicked] = useState("");
  const list = search.state.value;
  const { traces: found, loading } = list;
  // Half a trace is no reading: it is listed when its root has come, or is late.
  const traces = useMemo(() => found?.filter((trace) => !isArriving(trace, Date.now())), [found]);
  const arriving = (found?.length ?? 0) - (traces?.length ?? 0);
  useResultKeys(traces?.length ?? 0, current, setCurrent);
  if (!traces) return loading && !list.failure ? <Loading text={say("searchBody.traces")} /> : null;
  return (
    <>
      {(found?.length ?? 0) > 0 && (
        <Plot {...props} list={list} hovered={hovered} onHover={setHovered} />
      )}
      <ResultBar
        route={route}
        list={list}
        count={traces.length}
        arriving={arriving}
        onAgain={() => void search.load(route)}
      />
      {list.partial !== null && <p class="hint">{list.partial}</p>}
      {traces.length === 0 && arriving === 0 && <NothingFound route={route} />}
      {traces.length > 0 && (
        <Results
          traces={traces}
          hovered={hovered}
          current={current}
          picked={picked}
          isWhole={list.isWhole || list.next === null}
          onHover={setHovered}
          onPick={setPicked}
          onMore={() => void search.more(route)}
        />
      )}
    </>
  );
}

/** j and k move a mark over the results; Enter is the browser's, because the mark is the focus. */
function useResultKeys(count: number, current: number, setCurrent: (at: number) => void): void {
  usePageKeys((event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key !== "j" && event.key !== "k") return;
    const at = Math.min(count - 1, Math.max(0, current + (event.key === "j" ? 1 : -1)));
    setCurrent(at);
    document.getElementById(`result-${at}`)?.focus();
    event.preventDefault();
  });
}

/** Dots while all that matches is at hand; else the map of all, where the server counts. */
function Plot(props: {
  readonly route: SearchRoute;
  readonly list: FoundList;
  readonly hovered: number;
  readonly onHover: (index: number) => void;
  readonly onNarrow: (narrowing: Narrowing) => void;
}) {
  const { route, list } = props;
  const traces = list.traces ?? [];
  const needsHeat = !list.isWhole;
  useEffect(() => {
    if (!needsHeat) return;
    const key = JSON.stringify([route.query, route.range]);
    const { start, end } = bounds(route.range, Date.now());
    const { query } = route;
    const parameters = { query, startSeconds: start, endSeconds: end, columns: HEAT_COLUMNS };
    void heat.load(key, (signal) => fetchFittedHeat(parameters, signal));
  }, [route.query, route.range, needsHeat, list.endSeconds]);
  const map = heat.state.value;
  if (needsHeat && map.data && map.data.heat.total > 0) {
    return <SpanMap route={route} map={map.data} onNarrow={props.onNarrow} />;
  }
  if (needsHeat && map.loading) return <section class="card plot-card plot-waiting" />;
  return (
    <section class="card plot-card" aria-label={say("searchBody.durationOverTime")}>
      <p class="plot-note hint">
        {list.isWhole
          ? say("searchBody.eachDotIsATraceDrag")
          : say("searchBody.theLoadedTracesOlderOnesAre", { length: formatCount(traces.length) })}
      </p>
      <ScatterPlot
        traces={traces}
        fromMillis={plotStart(list)}
        toMillis={list.endSeconds * 1000}
        hovered={props.hovered}
        onHover={props.onHover}
        onRange={(fromMillis, toMillis) =>
          props.onNarrow({ fromMillis, toMillis, fromNanos: 0, toNanos: Number.POSITIVE_INFINITY })
        }
      />
    </section>
  );
}

/** All spans that match; those that are exemplars of a metric are diamonds, and open. */
function SpanMap(props: {
  readonly route: SearchRoute;
  readonly map: SpanHeat;
  readonly onNarrow: (narrowing: Narrowing) => void;
}) {
  const { heat, spans } = props.map;
  const exemplars = spans.filter((span) => span.isExemplar);
  const { start, end } = bounds(props.route.range, Date.now());
  const isFitted = heat.fromMillis - start * 1000 > (end - start) * 1000 * LEFT_OUT_SHARE;
  const label = say("heatPlot.matchingSpansByStartAndDuration", { total: formatCount(heat.total) });
  return (
    <section class="card plot-card" aria-label={say("searchBody.allMatchingSpansByTimeAnd")}>
      <p class="plot-note hint">
        <span>
          {say("searchBody.matchingSpansByTimeAndDuration", {
            spans: counted(heat.total, "matchingSpan"),
          })}
        </span>
        {isFitted && (
          <span>
            {say("searchBody.nothingBefore", {
              time: formatClock(nanosFromMillis(heat.fromMillis)),
            })}
          </span>
        )}
        {exemplars.length > 0 && (
          <span class="plot-key">
            <span class="diamond" aria-hidden="true" /> {say("searchBody.exemplarsOfMetrics")}
          </span>
        )}
      </p>
      <HeatPlot
        heat={heat}
        label={label}
        noun="span"
        dots={exemplars.map((span) => ({
          atMillis: span.atMillis,
          value: span.durationNanos,
          words: (
            <>
              <strong class="number">{formatDuration(span.durationNanos)}</strong>
              <span>{say("searchBody.exemplarOpens")}</span>
              <span class="number muted">{formatClock(nanosFromMillis(span.atMillis))}</span>
            </>
          ),
        }))}
        onNarrow={props.onNarrow}
        onField={({ fromMillis, toMillis, low, high }) =>
          props.onNarrow({ fromMillis, toMillis, fromNanos: low, toNanos: high })
        }
        onDot={(dot) => navigate(traceRoute(exemplars[dot].traceId, exemplars[dot].spanId))}
      />
    </section>
  );
}

function ResultBar(props: {
  readonly route: SearchRoute;
  readonly list: FoundList;
  readonly count: number;
  readonly arriving: number;
  readonly onAgain: () => void;
}) {
  const { route, list, count, arriving } = props;
  const traces = counted(count, "trace");
  const title = list.isWhole
    ? traces
    : say(route.isSlowest ? "searchBody.slowestOf" : "searchBody.newestOf", { traces });
  const sortBy = (isSlowest: boolean) => navigate({ ...route, isSlowest, live: false });
  return (
    <div class="result-bar">
      <h2>
        <span role="status">{title}</span>
      </h2>
      {arriving > 0 && (
        <span class="hint" title={say("searchBody.theirFirstSpansAreHereTheir")}>
          {sayRich(route.live ? "searchBody.arriving" : "searchBody.arrivingLookAgain", {
            count: formatCount(arriving),
            again: (words) => (
              <button type="button" class="link" onClick={props.onAgain}>
                {words}
              </button>
            ),
          })}
        </span>
      )}
      <span class="grow">{list.loading && <span class="drip small" aria-hidden="true" />}</span>
      <fieldset class="segments" aria-label={say("searchBody.order")}>
        <button type="button" aria-pressed={!route.isSlowest} onClick={() => sortBy(false)}>
          {say("searchBody.newest")}
        </button>
        <button type="button" aria-pressed={route.isSlowest} onClick={() => sortBy(true)}>
          {say("searchBody.slowest")}
        </button>
      </fieldset>
      <button
        type="button"
        class="toggle"
        aria-pressed={route.live}
        title={say("searchBody.askAgainEvery3Seconds")}
        onClick={() => replace({ ...route, live: !route.live, isSlowest: false })}
      >
        <span class="live-dot" aria-hidden="true" /> {say("searchBody.live")}
      </button>
    </div>
  );
}

/** Where pages are missing, the plot begins with the oldest trace that is in it. */
function plotStart(list: FoundList): number {
  const oldest = list.traces?.at(-1);
  if (!oldest || list.isWhole) return list.startSeconds * 1000;
  const start = (list.traces ?? []).reduce(
    (least, trace) => (isTimed(trace) ? Math.min(least, millisFromNanos(trace.start)) : least),
    millisFromNanos(oldest.start),
  );
  return start - (list.endSeconds * 1000 - start) * 0.02;
}

function NothingFound({ route }: { readonly route: SearchRoute }) {
  return (
    <Empty title={say("searchBody.theBowlIsEmptyHere")}>
      {route.query === "" ? (
        <HowTracesCome />
      ) : (
        <>
          <p>{say("searchBody.noTraceInThisTimeRange")}</p>
          <p>
            {sayRich("searchBody.tryOthers", {
              failed: (words) => <a href="/search?q=%7B+status+%3D+error+%7D">{words}</a>,
              slowest: (words) => <a href="/search?sort=slowest">{words}</a>,
              all: (words) => <a href="/search">{words}</a>,
            })}
          </p>
        </>
      )}
    </Empty>
  );
}

const SCRAPE_EXAMPLE = `scrape_configs:
  - job_name: shop
    traces_path: /debug/spans
    static_configs:
      - targets: ["127.0.0.1:9464"]`;

/** What somebody needs who has just started Sigyn and sees nothing. */
function HowTracesCome() {
  const code = (words: string) => <code>{words}</code>;
  return (
    <div class="teach">
      <p>{say("searchBody.noTraceYet")}</p>
      <p>{sayRich("searchBody.pullThem", { key: code })}</p>
      <pre>{SCRAPE_EXAMPLE}</pre>
      <p>{sayRich("searchBody.pushThem", { key: code })}</p>
      <p>
        {sayRich("searchBody.areTheyRead", {
          targets: (words) => <a href="/targets">{words}</a>,
          key: code,
        })}
      </p>
    </div>
  );
}
