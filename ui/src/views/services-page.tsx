import { useEffect, useMemo } from "preact/hooks";
import { fetchOperations, type Operation } from "../api/services.ts";
import { counted } from "../base/number.ts";
import { buildQuery, EMPTY_FORM } from "../model/traceql.ts";
import { Resource } from "../state/resource.ts";
import { loadServices, services } from "../state/services.ts";
import { emptySearch, formatRoute } from "../state/url.ts";
import { ServiceName } from "./parts/service.tsx";
import { Empty, FailureBox, Loading } from "./parts/states.tsx";

export function ServicesPage({ selected }: { readonly selected: string }) {
  useEffect(() => void loadServices(), []);
  const { data, failure, loading } = services.state.value;
  return (
    <>
      <div class="page-head">
        <h1>Services</h1>
        {data && <span class="muted number">{counted(data.length, "service")}</span>}
      </div>
      {failure && (
        <FailureBox
          title="The services could not be loaded"
          failure={failure}
          onRetry={() => void loadServices()}
        />
      )}
      {!data && loading && <Loading what="services" />}
      {data && data.length === 0 && (
        <Empty title="No service has sent a span yet">
          <p>
            Are the <a href="/targets">targets</a> read?
          </p>
        </Empty>
      )}
      {data && data.length > 0 && (
        <div class="services">
          <ul class="card service-list" aria-label="Services">
            {data.map((name) => (
              <li key={name}>
                <a
                  href={formatRoute({ page: "services", service: name })}
                  aria-current={name === selected ? "true" : undefined}
                >
                  <ServiceName name={name} />
                </a>
              </li>
            ))}
          </ul>
          {selected === "" ? (
            <Empty title="Choose a service">
              <p>Its operations are listed here.</p>
            </Empty>
          ) : (
            <Operations key={selected} service={selected} />
          )}
        </div>
      )}
    </>
  );
}

function Operations({ service }: { readonly service: string }) {
  const operations = useMemo(() => new Resource<readonly Operation[]>(), []);
  const load = () => void operations.load(service, (signal) => fetchOperations(service, signal));
  // Once for each service.
  useEffect(load, [service]);
  const { data, failure, loading } = operations.state.value;
  const href = (operation: string) =>
    formatRoute(emptySearch(buildQuery({ ...EMPTY_FORM, service, operation })));
  return (
    <section class="card operations" aria-label={`Operations of ${service}`}>
      <header>
        <h2>
          <ServiceName name={service} />
        </h2>
        <a href={href("")}>All traces</a>
      </header>
      {failure && (
        <FailureBox title="The operations could not be loaded" failure={failure} onRetry={load} />
      )}
      {!data && loading && <Loading what="operations" />}
      {data && data.length === 0 && <p class="hint">No operation is known.</p>}
      {data && data.length > 0 && (
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Operation</th>
              <th scope="col">Kind</th>
            </tr>
          </thead>
          <tbody>
            {data.map((operation) => (
              <tr key={`${operation.name} ${operation.kind}`}>
                <td>
                  <a href={href(operation.name)}>{operation.name}</a>
                </td>
                <td class="muted">{operation.kind}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
