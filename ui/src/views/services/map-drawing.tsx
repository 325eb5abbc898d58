import { useEffect, useState } from "preact/hooks";
import type { GraphEdge, GraphNode, ServiceGraph } from "../../api/service-graph.ts";
import type { Service } from "../../api/services.ts";
import { counted, formatRate } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import { failedShare, type Lines, lineShares, nodeErrorShare } from "../../model/service-map.ts";
import { quote } from "../../model/traceql.ts";
import { navigate } from "../../state/router.ts";
import { emptySearch, formatRoute, type ServicesRoute } from "../../state/url.ts";
import { useSize } from "../parts/hooks.ts";
import { serviceColour } from "../parts/service.tsx";
import { formatShare } from "../parts/shares.ts";
import type { MapLayout, PlacedEdge, PlacedNode } from "./layout.ts";
import type { BoxSize } from "./map-boxes.ts";
import { durationText } from "./services-page.tsx";

/** A lone error among many calls does not colour the line. */
const ERROR_SHARE_MIN = 0.02;

export function MapDrawing(props: {
  readonly route: ServicesRoute;
  readonly services: readonly Service[];
  readonly graph: ServiceGraph;
  readonly layout: MapLayout;
  readonly box: BoxSize;
}) {
  const { route, layout, graph, box } = props;
  const { nodes, edges } = graph;
  const [hovered, setHovered] = useState("");
  const [scroller, room] = useSize<HTMLElement>();
  const scale = mapScale(layout.width, room.width);
  const byName = new Map(props.services.map((service) => [service.name, service]));
  const shares = lineShares(edges, route.lines);
  // The pointer asks for a moment, the selection until it is taken back.
  const about = hovered || route.service;
  const touches = ({ from, to }: GraphEdge) => from === about || to === about;
  const near = new Set(edges.filter(touches).flatMap(({ from, to }) => [from, to]));
  // What a link names is in sight.
  useEffect(() => {
    const at = nodes.findIndex(({ name }) => name === route.service);
    const element = scroller.current;
    if (at < 0 || !element) return;
    const { x, y } = layout.nodes[at];
    element.scrollTo({
      left: x * scale - element.clientWidth / 2,
      top: y * scale - element.clientHeight / 2,
    });
  }, [layout, scale, route.service]);
  return (
    <section
      class={box.isSmall ? "map-scroll small" : "map-scroll"}
      ref={scroller}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by key.
      tabIndex={0}
      aria-label={say("mapDrawing.mapScrollable")}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: an SVG has no fieldset. */}
      <svg
        width={layout.width * scale}
        height={layout.height * scale}
        viewBox={`0 0 ${layout.width} ${layout.height}`}
        role="group"
        aria-label={`${counted(nodes.length, "node")}, ${counted(edges.length, "connection")}`}
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
        {edges.map((edge, at) => (
          <EdgeLine
            key={`${edge.from} ${edge.to}`}
            placed={layout.edges[at]}
            edge={edge}
            share={shares[at]}
            route={route}
            isPale={about !== "" && !touches(edge)}
            isNamed={about !== "" ? touches(edge) : !box.isSmall}
          />
        ))}
        {nodes.map((node, at) => (
          <NodeBox
            key={node.name}
            node={node}
            placed={layout.nodes[at]}
            box={box}
            service={byName.get(node.name) ?? null}
            isSelected={node.name === route.service}
            isPale={about !== "" && about !== node.name && !near.has(node.name)}
            onHover={setHovered}
            onSelect={() =>
              navigate({ ...route, service: node.name === route.service ? "" : node.name })
            }
          />
        ))}
      </svg>
    </section>
  );
}

/** As wide as the page where its words stay readable; a wider map is scrolled. */
const SCALE_MIN = 0.7;
const SCALE_MAX = 1.25;

function mapScale(width: number, room: number): number {
  const fit = room > 0 && width > 0 ? room / width : 1;
  return fit < SCALE_MIN ? 1 : Math.min(SCALE_MAX, fit);
}

function EdgeLine(props: {
  readonly placed: PlacedEdge;
  readonly edge: GraphEdge;
  readonly share: number;
  readonly route: ServicesRoute;
  readonly isPale: boolean;
  readonly isNamed: boolean;
}) {
  const { edge, placed, route } = props;
  const path = curve(placed.points);
  const service = (name: string) => `{ resource.service.name = ${quote(name)} }`;
  // A database has no spans of its own to search for.
  const query =
    edge.connection === "" || edge.connection === "messaging_system"
      ? `${service(edge.from)} > ${service(edge.to)}`
      : service(edge.from);
  return (
    <a
      href={formatRoute({ ...emptySearch(query), range: route.range })}
      class={props.isPale ? "edge pale" : "edge"}
    >
      <title>
        {say("mapDrawing.edge", {
          from: edge.from,
          to: edge.to,
          calls: counted(edge.calls, "call"),
          errors: counted(edge.failed, "error"),
          p50: formatDuration(edge.p50Nanos),
          p95: formatDuration(edge.p95Nanos),
          p99: formatDuration(edge.p99Nanos),
        })}
      </title>
      <path d={path} class="edge-reach" />
      <path
        d={path}
        class={failedShare(edge) >= ERROR_SHARE_MIN ? "edge-line failed" : "edge-line"}
        style={{ strokeWidth: 1 + 3.5 * props.share }}
        marker-end="url(#arrow)"
      />
      {props.isNamed && (
        <text x={placed.label.x} y={placed.label.y + 4} class="edge-text">
          {edgeText(edge, route.lines)}
        </text>
      )}
    </a>
  );
}

function edgeText(edge: GraphEdge, lines: Lines): string {
  if (lines === "errors") return formatShare(failedShare(edge));
  return lines === "latency" ? formatDuration(edge.p95Nanos) : compact(edge.calls);
}

function compact(count: number): string {
  return new Intl.NumberFormat("en", { notation: "compact" }).format(count);
}

/** A line through the points that bends instead of breaking. */
function curve(points: PlacedEdge["points"]): string {
  const [first, ...rest] = points;
  let path = `M${first.x} ${first.y}`;
  for (let at = 0; at < rest.length - 1; at++) {
    const [here, next] = [rest[at], rest[at + 1]];
    path += `Q${here.x} ${here.y} ${(here.x + next.x) / 2} ${(here.y + next.y) / 2}`;
  }
  const last = rest[rest.length - 1] ?? first;
  return `${path}L${last.x} ${last.y}`;
}

function NodeBox(props: {
  readonly node: GraphNode;
  readonly placed: PlacedNode;
  readonly box: BoxSize;
  readonly service: Service | null;
  readonly isSelected: boolean;
  readonly isPale: boolean;
  readonly onHover: (name: string) => void;
  readonly onSelect: () => void;
}) {
  const { node, placed, service, box } = props;
  const share = nodeErrorShare(node);
  const { nameLengthMax, width, height } = box;
  const isCut = node.name.length > nameLengthMax;
  const name = isCut ? `${node.name.slice(0, nameLengthMax - 1)}…` : node.name;
  const rate = formatRate(node.ratePerSecond);
  const figures =
    node.kind === "service"
      ? `${rate} · p99 ${durationText(service?.p99Nanos ?? null)}`
      : `${rate} · ${node.kind === "database" ? say("mapDrawing.database") : say("mapDrawing.sendsNoSpans")}`;
  const states = [props.isSelected && "selected", props.isPale && "pale"].filter(Boolean);
  return (
    // biome-ignore lint/a11y/useSemanticElements: an SVG has no button.
    <g
      role="button"
      tabIndex={0}
      aria-pressed={props.isSelected}
      aria-description={say("mapDrawing.node", {
        name: node.name,
        figures,
        share: formatShare(share),
      })}
      class={["node", node.kind, ...states].join(" ")}
      transform={`translate(${placed.x - width / 2} ${placed.y - height / 2})`}
      onClick={props.onSelect}
      onMouseEnter={() => props.onHover(node.name)}
      onMouseLeave={() => props.onHover("")}
      onFocus={() => props.onHover(node.name)}
      onBlur={() => props.onHover("")}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        props.onSelect();
      }}
    >
      <title>
        {say("mapDrawing.node", { name: node.name, figures, share: formatShare(share) })}
      </title>
      <rect
        width={width}
        height={height}
        rx={node.kind === "service" ? 6 : height / 2}
        class="node-box"
      />
      {node.kind === "service" && (
        <rect width="5" height={height} rx="2" fill={serviceColour(node.name)} />
      )}
      {share > 0 && (
        <rect
          x={node.kind === "service" ? 5 : height / 2}
          y={height - 3}
          width={Math.max(4, share * (width - (node.kind === "service" ? 5 : height)))}
          height="3"
          class="node-errors"
        />
      )}
      <text x="14" y={box.isSmall ? 15 : 19} class="node-name">
        {name}
      </text>
      {!box.isSmall && (
        <text x="14" y="35" class="node-figures">
          {figures}
        </text>
      )}
    </g>
  );
}
