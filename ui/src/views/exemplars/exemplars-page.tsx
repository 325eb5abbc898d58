import { useEffect, useState } from "preact/hooks";
import { type Exemplar, queryExemplars } from "../../api/exemplars.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatAgo, formatClock, formatDateTime, millisFromNanos } from "../../base/time.ts";
import { bounds, type TimeRange } from "../../model/time-range.ts";
import { nowMillis } from "../../state/clock.ts";
import { Resource } from "../../state/resource.ts";
import { navigate } from "../../state/router.ts";
import { ALL_SERIES, formatRoute, traceRoute } from "../../state/url.ts";
import { Icon } from "../parts/icon.tsx";
import { LabelList } from "../parts/labels.tsx";
import { RangePicker } from "../parts/range-picker.tsx";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { TableFrame } from "../parts/table-frame.tsx";

/** More rows than this slow the page and help nobody; a narrower selector finds the rest. */
const ROWS_SHOWN = 150;

const exemplars = new Resource<readonly Exemplar[]>();

export function ExemplarsPage(props: { readonly query: string; readonly range: TimeRange }) {
  const { query, range } = props;
  const [draft, setDraft] = useState(query);
  const key = JSON.stringify([query, range]);
  const load = () =>
    void exemplars.load(key, (signal) => {
      const { start, end } = bounds(range, Date.now());
      return queryExemplars(query, start, end, signal);
    });
  // The key holds both.
  useEffect(() => {
    setDraft(query);
    load();
  }, [key]);
  const { data, failure, loading } = exemplars.state.value;
  return (
    <>
      <div class="page-head">
        <h1>{say("exemplars.exemplars")}</h1>
        {data && <span class="muted number">{counted(data.length, "exemplar")}</span>}
      </div>
      <form
        class="query-line"
        onSubmit={(event) => {
          event.preventDefault();
          const next = draft.trim() || ALL_SERIES;
          if (next === query) load();
          else navigate({ page: "exemplars", query: next, range });
        }}
      >
        <label class="query-label" for="series">
          {say("exemplars.promql")}
        </label>
        <input
          id="series"
          type="text"
          class="mono"
          value={draft}
          spellcheck={false}
          autocomplete="off"
          aria-invalid={failure?.status === 400}
          onInput={(event) => setDraft(event.currentTarget.value)}
        />
        <RangePicker
          range={range}
          onChange={(next) => navigate({ page: "exemplars", query, range: next })}
        />
        <button type="submit" class="primary">
          <Icon name="search" /> {say("exemplars.show")}
        </button>
      </form>
      {failure && (
        <FailureBox
          title={say("exemplars.theExemplarsCouldNotBeLoaded")}
          failure={failure}
          onRetry={load}
        />
      )}
      {!data && loading && <Loading what={say("exemplars.exemplars2")} />}
      {data && data.length === 0 && (
        <Empty title={say("exemplars.noExemplarInThisTimeRange")}>
          <p>
            {say("exemplars.sigynReadsExemplarsWhereAScrape")}{" "}
            <code>{say("exemplars.exemplarsPath")}</code>
            {say("exemplars.andWhereTheAppAnswersIn")}
          </p>
        </Empty>
      )}
      {data && data.length > 0 && <ExemplarTable exemplars={data} />}
    </>
  );
}

function ExemplarTable(props: { readonly exemplars: readonly Exemplar[] }) {
  const hidden = props.exemplars.length - ROWS_SHOWN;
  return (
    <>
      <TableFrame label={say("exemplars.exemplars")}>
        <table class="table exemplars">
          <thead>
            <tr>
              <th scope="col">{say("exemplars.time")}</th>
              <th scope="col">{say("exemplars.series")}</th>
              <th scope="col" class="right">
                {say("exemplars.value")}
              </th>
              <th scope="col">{say("exemplars.trace")}</th>
            </tr>
          </thead>
          <tbody>
            {props.exemplars.slice(0, ROWS_SHOWN).map((one, at) => (
              <tr key={`${one.time} ${one.traceId} ${at}`}>
                <td class="number nowrap" title={formatDateTime(one.time, true)}>
                  {formatClock(one.time)}
                  <span class="muted below">
                    {formatAgo(millisFromNanos(one.time), nowMillis.value)}
                  </span>
                </td>
                <td>
                  <span class="series-name">{one.seriesLabels.__name__ ?? ""}</span>
                  <LabelList labels={one.seriesLabels} />
                </td>
                <td class="number right">{one.value}</td>
                <td class="mono nowrap">
                  {one.traceId ? (
                    <a href={formatRoute(traceRoute(one.traceId, one.spanId))}>
                      <span class="diamond" aria-hidden="true" />
                      {one.traceId}
                    </a>
                  ) : (
                    <span class="muted">{say("exemplars.noTraceId")}</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableFrame>
      {hidden > 0 && (
        <p class="hint">
          {counted(hidden, "olderExemplar")} {say("exemplars.notShown")}
        </p>
      )}
    </>
  );
}
