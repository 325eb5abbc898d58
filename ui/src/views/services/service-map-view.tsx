import { useEffect, useMemo } from "preact/hooks";
import type { ServiceGraph } from "../../api/service-graph.ts";
import type { Service } from "../../api/services.ts";
import { counted } from "../../base/number.ts";
import { failure, type Result, success } from "../../base/result.ts";
import { say, sayRich } from "../../base/say.ts";
import { type Lines, neighbourhood } from "../../model/service-map.ts";
import { Resource } from "../../state/resource.ts";
import { replace } from "../../state/router.ts";
import { NEAR_MAX, type ServicesRoute } from "../../state/url.ts";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { boxSize } from "./map-boxes.ts";
import { MapDrawing } from "./map-drawing.tsx";
import { graph, loadServiceGraph, usedStretch } from "./service-data.ts";

type LayOut = typeof import("./layout.ts").layOut;

/** The layout is a file of its own, and comes with the first map. */
const layout = new Resource<LayOut>();

function fetchLayout(): Promise<Result<LayOut>> {
  return import("./layout.ts").then(
    (file) => success(file.layOut),
    (error) => failure(String(error instanceof Error ? error.message : error)),
  );
}

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
  const key = JSON.stringify(route.range);
  const used = usedStretch.value;
  // Anew for another range only; first it has to be known how much of it is used.
  useEffect(() => {
    if (used !== null) loadServiceGraph(route.range);
  }, [key, used]);
  useEffect(() => void layout.load("layout", fetchLayout), []);
  const { data, loading } = graph.state.value;
  const fault = graph.state.value.failure ?? layout.state.value.failure;
  const near = route.service === "" ? 0 : route.near;
  const shown = useMemo(
    () => (data && near > 0 ? neighbourhood(data, route.service, near) : data),
    [data, near, route.service],
  );
  const box = boxSize(shown?.nodes.length ?? 0);
  const layOut = layout.state.value.data;
  const placed = useMemo(() => shown && layOut?.(shown, box), [shown, layOut]);
  if (fault && !placed) {
    return (
      <FailureBox
        title={say("serviceMap.theMapCouldNotBeMade")}
        failure={fault}
        onRetry={() => {
          loadServiceGraph(route.range);
          void layout.load("layout", fetchLayout);
        }}
      />
    );
  }
  if (!data || !shown || !placed)
    return loading || used === null || layout.state.value.loading ? (
      <Loading text={say("serviceMap.theMap")} />
    ) : null;
  if (data.edges.length === 0) {
    return (
      <Empty title={say("serviceMap.noCallBetweenServicesInThis")}>
        <p>{sayRich("serviceMap.whenACallIsSeen", { key: (words) => <code>{words}</code> })}</p>
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
        {say("serviceMap.size", {
          nodes: counted(graph.nodes.length, "node"),
          connections: counted(graph.edges.length, "connection"),
        })}
      </span>
    </div>
  );
}
