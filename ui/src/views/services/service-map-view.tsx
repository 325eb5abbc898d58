import { useEffect, useMemo, useState } from "preact/hooks";
import type { ServiceGraph } from "../../api/service-graph.ts";
import type { Service } from "../../api/services.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { type Lines, neighbourhood } from "../../model/service-map.ts";
import { replace } from "../../state/router.ts";
import { NEAR_MAX, type ServicesRoute } from "../../state/url.ts";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { boxSize } from "./map-boxes.ts";
import { MapDrawing } from "./map-drawing.tsx";
import { graph, loadServiceGraph } from "./service-data.ts";

type Layout = typeof import("./layout.ts");

const LINES: readonly (readonly [Lines, string])[] = [
  ["calls", say("serviceMap.calls")],
  ["errors", say("serviceMap.errors")],
  ["latency", say("serviceMap.latency")],
];

/** Who calls whom, callers to the left. A service in focus is shown with what is near it only. */
export function ServiceMapView(props: {
  readonly route: ServicesRoute;
  readonly services: readonly Service[];
}) {
  const { route } = props;
  const [layout, setLayout] = useState<Layout | null>(null);
  const key = JSON.stringify(route.range);
  // Anew for another range only.
  useEffect(() => loadServiceGraph(route.range), [key]);
  useEffect(() => {
    import("./layout.ts").then(setLayout, () => setLayout(null));
  }, []);
  const { data, failure, loading } = graph.state.value;
  const near = route.service === "" ? 0 : route.near;
  const shown = useMemo(
    () => (data && near > 0 ? neighbourhood(data, route.service, near) : data),
    [data, near, route.service],
  );
  const box = boxSize(shown?.nodes.length ?? 0);
  const placed = useMemo(() => shown && layout?.layOut(shown, box), [shown, layout]);
  if (failure && !data) {
    return (
      <FailureBox
        title={say("serviceMap.theMapCouldNotBeMade")}
        failure={failure}
        onRetry={() => loadServiceGraph(route.range)}
      />
    );
  }
  if (!data || !shown || !placed)
    return loading || !layout ? <Loading what={say("serviceMap.theMap")} /> : null;
  if (data.edges.length === 0) {
    return (
      <Empty title={say("serviceMap.noCallBetweenServicesInThis")}>
        <p>
          {say("serviceMap.aCallIsSeenWhenBoth")}
          <code>{say("serviceMap.peerService")}</code>, <code>{say("serviceMap.dbSystem")}</code>,
          …).
        </p>
      </Empty>
    );
  }
  return (
    <section class="card map" aria-label={say("serviceMap.serviceMap")}>
      <MapBar route={route} graph={data} />
      {data.partial !== "" && <p class="hint map-partial">{data.partial}</p>}
      <MapDrawing {...props} graph={shown} layout={placed} box={box} />
    </section>
  );
}

function MapBar(props: { readonly route: ServicesRoute; readonly graph: ServiceGraph }) {
  const { route, graph } = props;
  return (
    <div class="map-bar">
      <span class="muted">{say("serviceMap.linesBy")}</span>
      <fieldset class="segments" aria-label={say("serviceMap.linesBy")}>
        {LINES.map(([lines, label]) => (
          <button
            key={lines}
            type="button"
            aria-pressed={route.lines === lines}
            onClick={() => replace({ ...route, lines })}
          >
            {label}
          </button>
        ))}
      </fieldset>
      <select
        aria-label={say("serviceMap.serviceInFocus")}
        value={route.service}
        onChange={(event) => replace({ ...route, service: event.currentTarget.value })}
      >
        <option value="">{say("serviceMap.allServices")}</option>
        {graph.nodes.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      {route.service !== "" && (
        <fieldset class="segments" aria-label={say("serviceMap.howFarFromIt")}>
          {Array.from({ length: NEAR_MAX + 1 }, (_, near) => (
            <button
              key={near}
              type="button"
              aria-pressed={route.near === near}
              onClick={() => replace({ ...route, near })}
            >
              {near === 0
                ? say("serviceMap.all")
                : near === 1
                  ? say("serviceMap.neighbours")
                  : say("serviceMap.callsAway", { near })}
            </button>
          ))}
        </fieldset>
      )}
      <span class="grow" />
      <span class="hint">
        {counted(graph.nodes.length, "node")}, {counted(graph.edges.length, "connection")}
        {say("serviceMap.fromAllSpansOfTheRange")}
      </span>
    </div>
  );
}
