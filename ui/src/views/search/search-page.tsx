import { useEffect, useMemo, useState } from "preact/hooks";
import { type FoundTrace, search } from "../../api/search.ts";
import { counted } from "../../base/number.ts";
import { millisFromNanos } from "../../base/time.ts";
import { bounds } from "../../model/time-range.ts";
import { buildQuery, EMPTY_FORM, parseQuery } from "../../model/traceql.ts";
import { Resource } from "../../state/resource.ts";
import { navigate, replace } from "../../state/router.ts";
import { meetServices, services } from "../../state/services.ts";
import type { SearchRoute } from "../../state/url.ts";
import { isTyping, usePageKeys, usePolling } from "../parts/hooks.ts";
import { Icon } from "../parts/icon.tsx";
import { RangePicker } from "../parts/range-picker.tsx";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { FormPanel } from "./form-panel.tsx";
import { Results } from "./results.tsx";
import { ScatterPlot } from "./scatter-plot.tsx";

const LIVE_MILLIS = 3000;

/** What was found, and the moment it was asked for: the plot's axis ends there. */
interface Found {
  readonly traces: readonly FoundTrace[];
  readonly startSeconds: number;
  readonly endSeconds: number;
}

const found = new Resource<Found>();

export function SearchPage({ route }: { readonly route: SearchRoute }) {
  const [draft, setDraft] = useState(route.query);
  const key = JSON.stringify([route.query, route.range, route.limit]);

  // A link or "back" brings another query: the line shows what was really asked.
  useEffect(() => setDraft(route.query), [route.query]);

  const load = () => void found.load(key, (signal) => ask(route, signal));
  usePolling(load, LIVE_MILLIS, route.live, key);
  useEffect(() => () => found.stop(), []);

  usePageKeys((event) => {
    if (event.key !== "/" || isTyping(event.target)) return;
    event.preventDefault();
    document.getElementById("query")?.focus();
  });

  const run = (query: string) => {
    const text = query.trim();
    setDraft(text);
    if (text === route.query) load();
    else navigate({ ...route, query: text });
  };
  const form = useMemo(() => parseQuery(draft), [draft]);
  const state = found.state.value;

  return (
    <div class="search">
      <h1 class="visually-hidden">Search for traces</h1>
      <FormPanel
        form={form ?? EMPTY_FORM}
        isBeyondForm={form === null}
        serviceNames={services.state.value.data ?? []}
        onChange={(next) => run(next === EMPTY_FORM ? "" : buildQuery(next))}
      />
      <div class="search-main">
        <form
          class="query-line"
          onSubmit={(event) => {
            event.preventDefault();
            run(draft);
          }}
        >
          <label class="query-label" for="query">
            TraceQL
          </label>
          <input
            id="query"
            type="text"
            class="mono"
            value={draft}
            placeholder='{ resource.service.name = "shop" && duration > 100ms }'
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            aria-invalid={state.failure?.status === 400}
            onInput={(event) => setDraft(event.currentTarget.value)}
          />
          <RangePicker range={route.range} onChange={(range) => navigate({ ...route, range })} />
          <button type="submit" class="primary">
            <Icon name="search" /> Search
          </button>
        </form>
        <SearchBody route={route} onRetry={load} />
      </div>
    </div>
  );
}

function SearchBody(props: { readonly route: SearchRoute; readonly onRetry: () => void }) {
  const { route } = props;
  const [hovered, setHovered] = useState(-1);
  const { data, failure, loading } = found.state.value;
  return (
    <>
      {failure && (
        <FailureBox title="The search failed" failure={failure} onRetry={props.onRetry} />
      )}
      {!data && loading && <Loading what="traces" />}
      {data && (
        <section class="card plot-card" aria-label="Duration over time">
          <ScatterPlot
            traces={data.traces}
            fromMillis={plotStart(data, route.limit)}
            toMillis={data.endSeconds * 1000}
            hovered={hovered}
            onHover={setHovered}
            onRange={(fromMillis, toMillis) =>
              navigate({
                ...route,
                live: false,
                range: {
                  kind: "between",
                  startSeconds: Math.floor(fromMillis / 1000),
                  endSeconds: Math.max(
                    Math.ceil(toMillis / 1000),
                    Math.floor(fromMillis / 1000) + 1,
                  ),
                },
              })
            }
          />
        </section>
      )}
      {data && (
        <div class="result-bar">
          <h2>
            <span role="status">
              {data.traces.length === route.limit ? "Newest " : ""}
              {counted(data.traces.length, "trace")}
            </span>
          </h2>
          {loading && <span class="drip small" aria-hidden="true" />}
          <span class="grow" />
          <label class="inline">
            Limit
            <select
              value={String(route.limit)}
              onChange={(event) => navigate({ ...route, limit: Number(event.currentTarget.value) })}
            >
              {[...new Set([20, 100, 300, 1000, route.limit])]
                .sort((a, b) => a - b)
                .map((limit) => (
                  <option key={limit} value={String(limit)}>
                    {limit}
                  </option>
                ))}
            </select>
          </label>
          <button
            type="button"
            class="toggle"
            aria-pressed={route.live}
            onClick={() => replace({ ...route, live: !route.live })}
          >
            <span class="live-dot" aria-hidden="true" /> Live
          </button>
        </div>
      )}
      {data && data.traces.length === 0 && <NothingFound />}
      {data && data.traces.length > 0 && (
        <Results traces={data.traces} hovered={hovered} onHover={setHovered} />
      )}
    </>
  );
}

/** Where the limit cut the list, the plot begins with the oldest trace that is in it. */
function plotStart(found: Found, limit: number): number {
  const oldest = found.traces.at(-1);
  if (!oldest || found.traces.length < limit) return found.startSeconds * 1000;
  const start = millisFromNanos(oldest.start);
  return start - (found.endSeconds * 1000 - start) * 0.02;
}

function NothingFound() {
  return (
    <Empty title="The bowl is empty here">
      <p>No trace in this time range matches. Widen the range, or drop a condition.</p>
      <p>
        Nothing at all yet? See whether the <a href="/targets">targets</a> are read.
      </p>
    </Empty>
  );
}

async function ask(route: SearchRoute, signal: AbortSignal) {
  const { start, end } = bounds(route.range, Date.now());
  const result = await search(
    { query: route.query, startSeconds: start, endSeconds: end, limit: route.limit },
    signal,
  );
  if (!result.ok) return result;
  meetServices(
    result.value.flatMap((trace) => [trace.rootService, ...trace.services.map((s) => s.name)]),
  );
  return {
    ok: true,
    value: { traces: result.value, startSeconds: start, endSeconds: end },
  } as const;
}
