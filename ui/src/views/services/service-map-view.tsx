import { useEffect, useMemo, useState } from "preact/hooks";
import type { Service } from "../../api/services.ts";
import { counted, formatRate } from "../../base/number.ts";
import { formatDuration } from "../../base/time.ts";
import { type MapEdge, neighbourhood, type ServiceMap } from "../../model/service-map.ts";
import { quote } from "../../model/traceql.ts";
import { navigate } from "../../state/router.ts";
import { emptySearch, formatRoute, type ServicesRoute } from "../../state/url.ts";
import { serviceColour } from "../parts/service.tsx";
import { formatShare } from "../parts/shares.ts";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import type { MapLayout, PlacedEdge, PlacedNode } from "./layout.ts";
import { loadServiceMap, map } from "./service-data.ts";
import { durationText, errorShare } from "./services-page.tsx";

type Layout = typeof import("./layout.ts");
type Weight = "calls" | "errors" | "latency";

const WEIGHTS: readonly (readonly [Weight, string])[] = [
  ["calls", "Calls"],
  ["errors", "Errors"],
  ["latency", "Latency"],
];
/** A lone error among many calls does not colour the line. */
const ERROR_SHARE_MIN = 0.02;
const [NODE_WIDTH, NODE_HEIGHT] = [158, 46]; // as in layout.ts, which is loaded later

/** Who calls whom, callers to the left. A service in focus is shown with its neighbours only. */
export function ServiceMapView(props: {
  readonly route: ServicesRoute;
  readonly services: readonly Service[];
}) {
  const { route } = props;
  const [layout, setLayout] = useState<Layout | null>(null);
  const [weight, setWeight] = useState<Weight>("calls");
  const [isFocused, setFocused] = useState(false);
  const key = JSON.stringify(route.range);
  // Anew for another range only.
  useEffect(() => loadServiceMap(route.range), [key]);
  useEffect(() => {
    import("./layout.ts").then(setLayout, () => setLayout(null));
  }, []);
  const { data, failure, loading } = map.state.value;
  const shown = useMemo(
    () => (data && isFocused && route.service !== "" ? neighbourhood(data, route.service) : data),
    [data, isFocused, route.service],
  );
  const placed = useMemo(() => shown && layout?.layOut(shown), [shown, layout]);
  if (failure) {
    return (
      <FailureBox
        title="The map could not be made"
        failure={failure}
        onRetry={() => loadServiceMap(route.range)}
      />
    );
  }
  if (!shown || !placed) return loading || !layout ? <Loading what="the map" /> : null;
  if (shown.edges.length === 0 && !isFocused) {
    return (
      <Empty title="No call between services yet">
        <p>The map is made of whole traces; their parts may still be on the way.</p>
      </Empty>
    );
  }
  return (
    <section class="card map" aria-label="Service map">
      <div class="map-bar">
        <span class="muted">Lines by</span>
        <fieldset class="segments" aria-label="Lines by">
          {WEIGHTS.map(([name, label]) => (
            <button
              key={name}
              type="button"
              aria-pressed={weight === name}
              onClick={() => setWeight(name)}
            >
              {label}
            </button>
          ))}
        </fieldset>
        {route.service !== "" && (
          <button type="button" aria-pressed={isFocused} onClick={() => setFocused(!isFocused)}>
            Only neighbours of {route.service}
          </button>
        )}
        <span class="grow" />
        <span class="hint">
          calls in the newest {counted(shown.traceCount, "trace")}; figures of all requests
        </span>
      </div>
      <MapDrawing {...props} map={shown} layout={placed} weight={weight} />
    </section>
  );
}

function MapDrawing(props: {
  readonly route: ServicesRoute;
  readonly services: readonly Service[];
  readonly map: ServiceMap;
  readonly layout: MapLayout;
  readonly weight: Weight;
}) {
  const { route, layout } = props;
  const byName = new Map(props.services.map((service) => [service.name, service]));
  const byEnds = new Map(props.map.edges.map((edge) => [`${edge.from}\n${edge.to}`, edge]));
  const heaviest = Math.max(...props.map.edges.map((edge) => weightOf(edge, props.weight)), 1e-9);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by key.
    <section class="map-scroll" tabIndex={0} aria-label="Map, scrollable">
      {/* biome-ignore lint/a11y/useSemanticElements: an SVG has no fieldset. */}
      <svg
        width={layout.width}
        height={layout.height}
        viewBox={`0 0 ${layout.width} ${layout.height}`}
        role="group"
        aria-label={`${counted(props.map.services.length, "service")}, ${counted(props.map.edges.length, "connection")}`}
      >
        <defs>
          <marker
            id="arrow"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto"
            markerUnits="userSpaceOnUse"
          >
            <path d="M0 0L8 4L0 8z" class="map-arrow" />
          </marker>
        </defs>
        {layout.edges.map((edge) => {
          const known = byEnds.get(`${edge.from}\n${edge.to}`);
          return known ? (
            <EdgeLine
              key={`${edge.from} ${edge.to}`}
              placed={edge}
              edge={known}
              share={weightOf(known, props.weight) / heaviest}
              weight={props.weight}
              selected={route.service}
            />
          ) : null;
        })}
        {layout.nodes.map((node) => (
          <NodeBox
            key={node.service}
            node={node}
            service={byName.get(node.service) ?? null}
            isSelected={node.service === route.service}
            onSelect={() =>
              navigate({ ...route, service: node.service === route.service ? "" : node.service })
            }
          />
        ))}
      </svg>
    </section>
  );
}

function weightOf(edge: MapEdge, weight: Weight): number {
  if (weight === "calls") return Math.log2(edge.calls + 1);
  return weight === "errors" ? edge.errors / edge.calls : Math.log10(edge.p95Nanos + 1) - 4;
}

function EdgeLine(props: {
  readonly placed: PlacedEdge;
  readonly edge: MapEdge;
  readonly share: number;
  readonly weight: Weight;
  readonly selected: string;
}) {
  const { edge, placed } = props;
  const isNear = edge.from === props.selected || edge.to === props.selected;
  const isPale = props.selected !== "" && !isNear;
  const [first, ...rest] = placed.points;
  const path = `M${first.x} ${first.y}${rest.map(({ x, y }) => `L${x} ${y}`).join("")}`;
  const middle = placed.points[placed.points.length >> 1];
  const label =
    props.weight === "calls"
      ? String(edge.calls)
      : props.weight === "errors"
        ? formatShare(edge.errors / edge.calls)
        : formatDuration(edge.p95Nanos);
  const query = `{ resource.service.name = ${quote(edge.from)} } > { resource.service.name = ${quote(edge.to)} }`;
  return (
    <a href={formatRoute(emptySearch(query))} class={isPale ? "edge pale" : "edge"}>
      <title>
        {`${edge.from} → ${edge.to}: ${counted(edge.calls, "call")}, ${counted(edge.errors, "error")}, p50 ${formatDuration(edge.p50Nanos)}, p95 ${formatDuration(edge.p95Nanos)}`}
      </title>
      <path d={path} class="edge-reach" />
      <path
        d={path}
        class={edge.errors / edge.calls >= ERROR_SHARE_MIN ? "edge-line failed" : "edge-line"}
        style={{ strokeWidth: 1 + 3.5 * Math.max(0, Math.min(1, props.share)) }}
        marker-end="url(#arrow)"
      />
      {(isNear || props.weight !== "calls") && !isPale && (
        <text x={middle.x} y={middle.y - 5} class="edge-text">
          {label}
        </text>
      )}
    </a>
  );
}

function NodeBox(props: {
  readonly node: PlacedNode;
  readonly service: Service | null;
  readonly isSelected: boolean;
  readonly onSelect: () => void;
}) {
  const { node, service } = props;
  const share = service ? errorShare(service) : 0;
  const name = node.service.length > 20 ? `${node.service.slice(0, 19)}…` : node.service;
  const figures = service
    ? `${formatRate(service.ratePerSecond)} · ${durationText(service.p99Nanos)}`
    : "seen in calls only";
  return (
    // biome-ignore lint/a11y/useSemanticElements: an SVG has no button.
    <g
      role="button"
      tabIndex={0}
      aria-pressed={props.isSelected}
      aria-description={`${formatShare(share)} errors`}
      class={props.isSelected ? "node selected" : "node"}
      transform={`translate(${node.x - NODE_WIDTH / 2} ${node.y - NODE_HEIGHT / 2})`}
      onClick={props.onSelect}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        props.onSelect();
      }}
    >
      {name !== node.service && <title>{node.service}</title>}
      <rect width={NODE_WIDTH} height={NODE_HEIGHT} rx="6" class="node-box" />
      <rect width="5" height={NODE_HEIGHT} rx="2" fill={serviceColour(node.service)} />
      {share > 0 && (
        <rect
          y={NODE_HEIGHT - 3}
          width={Math.max(4, share * NODE_WIDTH)}
          height="3"
          class="node-errors"
        />
      )}
      <text x="14" y="19" class="node-name">
        {name}
      </text>
      <text x="14" y="35" class="node-figures">
        {figures}
      </text>
    </g>
  );
}
