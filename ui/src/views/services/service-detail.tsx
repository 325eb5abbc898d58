import { useEffect, useMemo } from "preact/hooks";
import { type Facets, fetchFacets } from "../../api/facets.ts";
import { fetchOperations, type Operation } from "../../api/services.ts";
import { formatCount, formatRate } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { bounds } from "../../model/time-range.ts";
import { buildQuery, EMPTY_FORM, quote } from "../../model/traceql.ts";
import { Resource } from "../../state/resource.ts";
import { emptySearch, formatRoute, type ServicesRoute } from "../../state/url.ts";
import { Icon } from "../parts/icon.tsx";
import { ServiceName } from "../parts/service.tsx";
import { formatShare } from "../parts/shares.ts";
import { FailureBox, Loading } from "../parts/states.tsx";
import { usedStretch } from "./service-data.ts";
import { durationText, errorShare } from "./services-page.tsx";

/** What names an instance, the first that spans have. */
const INSTANCE_FIELDS = ["resource.instance", "resource.service.instance.id"];

/** The operations and instances of one service. */
export function ServiceDetail(props: { readonly route: ServicesRoute; readonly service: string }) {
  const { service, route } = props;
  const operations = useMemo(() => new Resource<readonly Operation[]>(), []);
  const instances = useMemo(() => new Resource<Facets>(), []);
  const failing = useMemo(() => new Resource<Facets>(), []);
  const load = () => {
    const { start, end } = usedStretch.peek() ?? bounds(route.range, Date.now());
    const own = `resource.service.name = ${quote(service)}`;
    void operations.load(service, (signal) => fetchOperations(service, signal, { start, end }));
    void instances.load(service, (signal) =>
      fetchFacets(`{ ${own} }`, INSTANCE_FIELDS, start, end, signal),
    );
    void failing.load(service, (signal) =>
      fetchFacets(`{ ${own} && status = error }`, INSTANCE_FIELDS, start, end, signal),
    );
  };
  // Once for each service and range: the key of this component holds both.
  useEffect(load, []);
  const { data, failure, loading } = operations.state.value;
  const search = (operation: string) =>
    formatRoute({
      ...emptySearch(buildQuery({ ...EMPTY_FORM, service, operation })),
      range: route.range,
    });
  const sorted = [...(data ?? [])].sort((a, b) => b.ratePerSecond - a.ratePerSecond);
  return (
    <section
      class="card service-detail"
      aria-label={say("serviceDetail.operationsOf", { service })}
    >
      <header>
        <h2>
          <ServiceName name={service} />
        </h2>
        <span class="grow" />
        <a class="small-button" href={search("")}>
          <Icon name="search" /> {say("serviceDetail.traces")}
        </a>
        <a
          class="icon-button"
          href={formatRoute({ ...route, service: "" })}
          aria-label={say("serviceDetail.closeTheDetail")}
        >
          <Icon name="close" />
        </a>
      </header>
      {failure && (
        <FailureBox
          title={say("serviceDetail.theOperationsCouldNotBeLoaded")}
          failure={failure}
          onRetry={load}
        />
      )}
      {!data && !failure && loading && <Loading text={say("serviceDetail.operations")} />}
      {data && (
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{say("serviceDetail.operation")}</th>
              <th scope="col" class="right">
                {say("serviceDetail.rate")}
              </th>
              <th scope="col" class="right">
                {say("serviceDetail.errors")}
              </th>
              <th scope="col" class="right">
                p50
              </th>
              <th scope="col" class="right">
                p95
              </th>
              <th scope="col" class="right">
                p99
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((operation) => (
              <tr key={`${operation.name} ${operation.kind}`}>
                <td>
                  <a href={search(operation.name)}>{operation.name || say("noName")}</a>{" "}
                  <span class="muted">{operation.kind}</span>
                </td>
                <td class="number right">{formatRate(operation.ratePerSecond)}</td>
                <td class={errorShare(operation) > 0 ? "number right bad" : "number right muted"}>
                  {formatShare(errorShare(operation))}
                </td>
                <td class="number right">{durationText(operation.p50Nanos)}</td>
                <td class="number right">{durationText(operation.p95Nanos)}</td>
                <td class="number right">{durationText(operation.p99Nanos)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Instances all={instances.state.value.data} failed={failing.state.value.data} />
    </section>
  );
}

function Instances(props: { readonly all: Facets | null; readonly failed: Facets | null }) {
  const facet = props.all?.facets.find((one) => one.values.length > 0);
  if (!facet) return null;
  const failedOf = (value: string) =>
    props.failed?.facets
      .find((one) => one.field === facet.field)
      ?.values.find((one) => one.value === value)?.count ?? 0;
  return (
    <>
      <h3>{say("serviceDetail.instances")}</h3>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{facet.field.replace(/^resource\./, "")}</th>
            <th scope="col" class="right">
              {say("serviceDetail.spans")}
            </th>
            <th scope="col" class="right">
              {say("serviceDetail.failed")}
            </th>
          </tr>
        </thead>
        <tbody>
          {facet.values.map(({ value, count }) => (
            <tr key={value}>
              <td>
                <a href={formatRoute(emptySearch(`{ ${facet.field} = ${quote(value)} }`))}>
                  {value}
                </a>
              </td>
              <td class="number right">{formatCount(count)}</td>
              <td class={failedOf(value) > 0 ? "number right bad" : "number right muted"}>
                {formatCount(failedOf(value))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
