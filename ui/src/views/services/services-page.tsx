import { useEffect, useState } from "preact/hooks";
import type { Service } from "../../api/services.ts";
import { counted, formatRate } from "../../base/number.ts";
import { say, sayRich } from "../../base/say.ts";
import { formatClock, formatDuration, nanosFromMillis } from "../../base/time.ts";
import { bounds, type TimeRange } from "../../model/time-range.ts";
import { navigate } from "../../state/router.ts";
import { theme } from "../../state/theme.ts";
import { formatRoute, type ServicesRoute } from "../../state/url.ts";
import { RangePicker } from "../parts/range-picker.tsx";
import { ServiceName } from "../parts/service.tsx";
import { formatShare } from "../parts/shares.ts";
import { Sparkline } from "../parts/sparkline.tsx";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { TableFrame } from "../parts/table-frame.tsx";
import {
  errors,
  figures,
  loadServiceFigures,
  quantileOf,
  rates,
  slow,
  usedStretch,
  valuesSoFar,
} from "./service-data.ts";
import { ServiceDetail } from "./service-detail.tsx";
import { ServiceMapView } from "./service-map-view.tsx";

export function ServicesPage({ route }: { readonly route: ServicesRoute }) {
  const load = () => void loadServiceFigures(route.range);
  const key = JSON.stringify(route.range);
  // Anew for another range only.
  useEffect(load, [key]);
  const { data, failure, loading } = figures.state.value;
  const show = (isMap: boolean) => navigate({ ...route, isMap });
  return (
    <>
      <div class="page-head">
        <h1>{say("services.services")}</h1>
        {data && <span class="muted number">{counted(data.length, "service")}</span>}
        <fieldset class="segments" aria-label={say("services.view")}>
          <button type="button" aria-pressed={!route.isMap} onClick={() => show(false)}>
            {say("services.list")}
          </button>
          <button type="button" aria-pressed={route.isMap} onClick={() => show(true)}>
            {say("services.map")}
          </button>
        </fieldset>
        <span class="grow" />
        <UsedNote range={route.range} />
        <RangePicker range={route.range} onChange={(range) => navigate({ ...route, range })} />
      </div>
      {failure && (
        <FailureBox
          title={say("services.theServicesCouldNotBeLoaded")}
          failure={failure}
          onRetry={load}
        />
      )}
      {!data && !failure && (loading || rates.state.value.loading) && (
        <Loading text={say("services.services2")} />
      )}
      {data && data.length === 0 && (
        <Empty title={say("services.noServiceHasSentASpan")}>
          <p>
            {sayRich("services.areTargetsRead", {
              targets: (words) => <a href="/targets">{words}</a>,
            })}
          </p>
        </Empty>
      )}
      {data && data.length > 0 && (
        <div class={route.service === "" ? "services" : "services with-detail"}>
          {route.isMap ? (
            <ServiceMapView route={route} services={data} />
          ) : (
            <ServiceList route={route} services={data} />
          )}
          {route.service !== "" && (
            <ServiceDetail key={`${route.service} ${key}`} route={route} service={route.service} />
          )}
        </div>
      )}
    </>
  );
}

/** Says so where the figures are of a part of the range only. */
function UsedNote({ range }: { readonly range: TimeRange }) {
  const used = usedStretch.value;
  const { start } = bounds(range, Date.now());
  if (used === null || used.start - start < (used.end - start) * 0.1) return null;
  const time = formatClock(nanosFromMillis(used.start * 1000));
  return <span class="hint">{say("services.figuresSince", { time })}</span>;
}

type Column = "name" | "ratePerSecond" | "errorShare" | "p50Nanos" | "p95Nanos" | "p99Nanos";

const COLUMNS: readonly (readonly [Column, string])[] = [
  ["name", say("services.service")],
  ["ratePerSecond", say("services.requests")],
  ["errorShare", say("services.errors")],
  ["p50Nanos", "p50"],
  ["p95Nanos", "p95"],
  ["p99Nanos", "p99"],
];

const QUANTILES = [
  ["p50Nanos", 0.5, say("services.medianOverTime")],
  ["p95Nanos", 0.95, say("services.p95OverTime")],
  ["p99Nanos", 0.99, say("services.p99OverTime")],
] as const;

function figureOf(service: Service, column: Column): number | string {
  if (column === "name") return service.name;
  if (column === "errorShare") return errorShare(service);
  return service[column] ?? -1;
}

export function errorShare(service: Pick<Service, "ratePerSecond" | "errorRatePerSecond">): number {
  return service.ratePerSecond > 0 ? service.errorRatePerSecond / service.ratePerSecond : 0;
}

function ServiceList(props: {
  readonly route: ServicesRoute;
  readonly services: readonly Service[];
}) {
  const [sort, setSort] = useState<Column>("ratePerSecond");
  const sign = sort === "name" ? 1 : -1;
  const sorted = [...props.services].sort((a, b) => {
    const [x, y] = [figureOf(a, sort), figureOf(b, sort)];
    return sign * (x < y ? -1 : x > y ? 1 : 0) || (a.name < b.name ? -1 : 1);
  });
  return (
    <TableFrame label={say("services.services")}>
      <table class="table service-table">
        <thead>
          <tr>
            {COLUMNS.map(([column, label]) => (
              <th
                key={column}
                scope="col"
                aria-sort={
                  sort === column ? (column === "name" ? "ascending" : "descending") : undefined
                }
              >
                <button type="button" class="sort" onClick={() => setSort(column)}>
                  {label}
                  <span aria-hidden="true">
                    {sort === column ? (column === "name" ? " ↑" : " ↓") : ""}
                  </span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((service) => (
            <ServiceRow key={service.name} route={props.route} service={service} />
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function ServiceRow(props: { readonly route: ServicesRoute; readonly service: Service }) {
  const { service, route } = props;
  const share = errorShare(service);
  const { accent, error, textMuted } = theme.value;
  const href = formatRoute({ ...route, service: service.name });
  const line = (values: readonly number[], label: string, colour: string, isFilled = false) => (
    <Sparkline values={values} label={label} colour={colour} isFilled={isFilled} />
  );
  return (
    <tr class={service.name === route.service ? "selected" : undefined}>
      <td>
        <a href={href} aria-current={service.name === route.service ? "true" : undefined}>
          <ServiceName name={service.name} />
        </a>
      </td>
      <td>
        <span class="figure">
          {line(
            valuesSoFar(rates.state.value.data, service.name),
            say("services.requestsOverTime"),
            accent,
            true,
          )}
          <span class="number">{formatRate(service.ratePerSecond)}</span>
        </span>
      </td>
      <td>
        <span class="figure">
          {line(
            valuesSoFar(errors.state.value.data, service.name),
            say("services.errorsOverTime"),
            error,
            true,
          )}
          <span class={share > 0 ? "number bad" : "number muted"}>{formatShare(share)}</span>
        </span>
      </td>
      {QUANTILES.map(([column, quantile, label]) => (
        <td key={column}>
          <span class="figure">
            {line(quantileOf(slow.state.value.data, service.name, quantile), label, textMuted)}
            <span class="number">{durationText(service[column])}</span>
          </span>
        </td>
      ))}
    </tr>
  );
}

export function durationText(nanos: number | null): string {
  return nanos === null || nanos <= 0 ? "–" : formatDuration(nanos);
}
