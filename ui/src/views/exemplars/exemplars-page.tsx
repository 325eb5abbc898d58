import "../../styles/exemplars.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Exemplar, type Exemplars, fetchExemplars, fetchField } from "../../api/exemplars.ts";
import { counted } from "../../base/number.ts";
import { say, sayRich } from "../../base/say.ts";
import { formatClock, nanosFromMillis } from "../../base/time.ts";
import { commonUnit, formatValue } from "../../model/exemplars.ts";
import { bounds, type TimeRange } from "../../model/time-range.ts";
import type { HeatField } from "../../render/heat-map.ts";
import { Resource } from "../../state/resource.ts";
import { navigate } from "../../state/router.ts";
import { ALL_SERIES } from "../../state/url.ts";
import { Icon } from "../parts/icon.tsx";
import { RangePicker } from "../parts/range-picker.tsx";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { TemplateChooser } from "../parts/template-links.tsx";
import { ExemplarPlot } from "./exemplar-plot.tsx";
import { ExemplarTable } from "./exemplar-table.tsx";

const exemplars = new Resource<Exemplars>();

export function ExemplarsPage(props: { readonly query: string; readonly range: TimeRange }) {
  const { query, range } = props;
  const [draft, setDraft] = useState(query);
  const [field, setField] = useState<HeatField | null>(null);
  const key = JSON.stringify([query, range]);
  const load = () => {
    const { start, end } = bounds(range, Date.now());
    const asked = { query, startSeconds: start, endSeconds: end };
    void exemplars.load(key, (signal) => fetchExemplars(asked, signal));
  };
  const show = (next: string) => {
    if (next === query) load();
    else navigate({ page: "exemplars", query: next, range });
  };
  // The key holds both.
  useEffect(() => {
    setDraft(query);
    setField(null);
    load();
  }, [key]);
  useEffect(() => () => exemplars.stop(), []);
  const { data, failure, loading } = exemplars.state.value;
  return (
    <>
      <div class="page-head">
        <h1>{say("exemplars.exemplars")}</h1>
        {data && <span class="muted number">{counted(data.count, "exemplar")}</span>}
        {data && data.count > 0 && <HitRatio ratio={data.hitRatio} />}
        <span class="grow" />
        <TemplateChooser of="series" />
      </div>
      <form
        class="query-line"
        onSubmit={(event) => {
          event.preventDefault();
          show(draft.trim() || ALL_SERIES);
        }}
      >
        <MetricPicker query={query} onChoose={show} />
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
      {!data && !failure && loading && <Loading text={say("exemplars.exemplars2")} />}
      {data && data.dots.length === 0 && <NoExemplar hasOthers={data.metrics.length > 0} />}
      {data && data.dots.length > 0 && (
        <>
          <ExemplarPlot
            exemplars={data}
            onField={setField}
            query={query}
            onRange={(next) => navigate({ page: "exemplars", query, range: next })}
          />
          {field ? (
            <FieldTable query={query} field={field} onClose={() => setField(null)} />
          ) : (
            <ExemplarTable key="newest" exemplars={data.dots} count={data.count} />
          )}
        </>
      )}
    </>
  );
}

/** Those of the field that was clicked. */
function FieldTable(props: {
  readonly query: string;
  readonly field: HeatField;
  readonly onClose: () => void;
}) {
  const { query, field } = props;
  const found = useMemo(() => new Resource<readonly Exemplar[]>(), []);
  const key = JSON.stringify([query, field]);
  const load = () => void found.load(key, (signal) => fetchField(query, field, signal));
  useEffect(() => {
    load();
    return () => found.stop();
  }, [key]);
  const { data, failure } = found.state.value;
  const names = data?.map((one) => one.seriesLabels.__name__ ?? "") ?? [];
  const unit = commonUnit(names.length > 0 ? names : [query]);
  return (
    <>
      <p class="common-labels">
        <span>
          {say("exemplars.ofField", {
            from: formatValue(field.low, unit),
            to: formatValue(field.high, unit),
            time: formatClock(nanosFromMillis(field.fromMillis)),
            end: formatClock(nanosFromMillis(field.toMillis)),
          })}
        </span>
        <button type="button" class="link" onClick={props.onClose}>
          {say("exemplars.showTheNewest")}
        </button>
      </p>
      {failure && (
        <FailureBox
          title={say("exemplars.theExemplarsCouldNotBeLoaded")}
          failure={failure}
          onRetry={load}
        />
      )}
      {data && <ExemplarTable key={key} exemplars={data} count={data.length} />}
    </>
  );
}

/** How often a link from a metric led to a trace that is held. */
function HitRatio({ ratio }: { readonly ratio: number | null }) {
  if (ratio === null) return null;
  const percent = Math.floor(ratio * 1000) / 10;
  return (
    <span
      class={percent >= 99 ? "badge good" : "badge error"}
      title={say("exemplars.hitRatioHint")}
    >
      {say("exemplars.hitRatio", { percent })}
    </span>
  );
}

/** The metrics that have exemplars in the range, by how many they have. */
function MetricPicker(props: {
  readonly query: string;
  readonly onChoose: (query: string) => void;
}) {
  const metrics = exemplars.state.value.data?.metrics ?? [];
  const isOther =
    props.query !== ALL_SERIES && !metrics.some((metric) => metric.name === props.query);
  return (
    <select
      class="metric-picker"
      aria-label={say("exemplars.metric")}
      value={isOther ? "other" : props.query}
      onChange={(event) => props.onChoose(event.currentTarget.value)}
    >
      <option value={ALL_SERIES}>{say("exemplars.allMetrics")}</option>
      {metrics.map(({ name, count }) => (
        <option key={name} value={name}>
          {say("exemplars.metricWithCount", { name, count: counted(count, "exemplar") })}
        </option>
      ))}
      {isOther && (
        <option value="other" disabled>
          {say("exemplars.asWritten")}
        </option>
      )}
    </select>
  );
}

function NoExemplar({ hasOthers }: { readonly hasOthers: boolean }) {
  return (
    <Empty title={say("exemplars.noExemplarInThisTimeRange")}>
      {hasOthers ? (
        <p>{say("exemplars.othersHaveSome")}</p>
      ) : (
        <p>{sayRich("exemplars.whereTheyComeFrom", { key: (words) => <code>{words}</code> })}</p>
      )}
    </Empty>
  );
}
