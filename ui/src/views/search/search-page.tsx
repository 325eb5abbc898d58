import { useEffect, useMemo, useState } from "preact/hooks";
import { say } from "../../base/say.ts";
import { faultPlace } from "../../model/fault-place.ts";
import { narrowed, withValue } from "../../model/narrow.ts";
import { buildQuery, EMPTY_FORM, parseQuery } from "../../model/traceql.ts";
import { rememberQuery } from "../../state/query-history.ts";
import { navigate } from "../../state/router.ts";
import { Search } from "../../state/search.ts";
import { refreshServices, services } from "../../state/services.ts";
import type { SearchRoute } from "../../state/url.ts";
import { QueryEditor } from "../editor/query-editor.tsx";
import { isTyping, usePageKeys, usePolling } from "../parts/hooks.ts";
import { Icon } from "../parts/icon.tsx";
import { RangePicker } from "../parts/range-picker.tsx";
import { FailureBox } from "../parts/states.tsx";
import { FacetPanel } from "./facet-panel.tsx";
import { loadFacets, searchFacets } from "./facets.ts";
import { FormPanel } from "./form-panel.tsx";
import { SearchBody } from "./search-body.tsx";

const LIVE_MILLIS = 3000;
const found = new Search();

export function SearchPage({ route }: { readonly route: SearchRoute }) {
  const [draft, setDraft] = useState(route.query);
  const key = JSON.stringify([route.query, route.range, route.limit, route.isSlowest]);

  // A link or "back" brings another query: the line shows what was really asked.
  useEffect(() => setDraft(route.query), [route.query]);

  const load = () => {
    void found.load(route);
    loadFacets(route);
    refreshServices();
  };
  // Whoever looks into an empty bowl waits for the first drop.
  const isEmpty = route.query === "" && found.state.value.traces?.length === 0;
  usePolling(load, LIVE_MILLIS, route.live || isEmpty, key);
  useEffect(() => () => found.stop(), []);

  usePageKeys((event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || isTyping(event.target)) return;
    event.preventDefault();
    document.getElementById("query")?.focus();
  });

  const run = (query: string) => {
    const text = query.trim();
    setDraft(text);
    rememberQuery(text);
    if (text === route.query) load();
    else navigate({ ...route, query: text });
  };
  const form = useMemo(() => parseQuery(draft), [draft]);
  const { failure, traces } = found.state.value;
  const isInvalid = failure?.status === 400;
  const faultAt = isInvalid && draft === route.query ? faultPlace(failure.sentence, draft) : null;
  const facets = searchFacets(traces ?? []);

  return (
    <div class="search">
      <h1 class="visually-hidden">{say("search.searchForTraces")}</h1>
      <div class="search-side">
        <FormPanel
          form={form ?? EMPTY_FORM}
          isBeyondForm={form === null}
          serviceNames={services.state.value.data ?? []}
          onChange={(next) => run(next === EMPTY_FORM ? "" : buildQuery(next))}
        />
        <FacetPanel {...facets} onChoose={(field, value) => run(withValue(draft, field, value))} />
      </div>
      <div class="search-main">
        <form
          class="query-line"
          onSubmit={(event) => {
            event.preventDefault();
            run(draft);
          }}
        >
          <span class="query-label" aria-hidden="true">
            {say("search.traceql")}
          </span>
          <QueryEditor
            text={draft}
            faultAt={faultAt}
            isInvalid={isInvalid}
            onText={setDraft}
            onRun={run}
          />
          <RangePicker range={route.range} onChange={(range) => navigate({ ...route, range })} />
          <button type="submit" class="primary">
            <Icon name="search" /> {say("search.search")}
          </button>
        </form>
        {failure && (
          <FailureBox
            title={isInvalid ? say("search.theQueryCannotBeRead") : say("search.theSearchFailed")}
            failure={failure}
            onRetry={load}
          >
            {faultAt !== null && <Caret query={route.query} at={faultAt} />}
          </FailureBox>
        )}
        <SearchBody
          route={route}
          search={found}
          onNarrow={(narrowing) => {
            const next = narrowed(route.query, narrowing);
            navigate({ ...route, ...next, live: false });
          }}
        />
      </div>
    </div>
  );
}

/** The query with a mark below the place that is wrong. */
function Caret({ query, at }: { readonly query: string; readonly at: number }) {
  const from = Math.max(0, at - 60);
  return (
    <pre class="caret" aria-hidden="true">
      {`${query.slice(from, at + 40)}\n${" ".repeat(at - from)}^`}
    </pre>
  );
}
