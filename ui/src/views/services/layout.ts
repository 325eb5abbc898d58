// The layout of the service map, in a file of its own because it is loaded with the first map.

import dagre from "@dagrejs/dagre";
import type { ServiceMap } from "../../model/service-map.ts";

export const NODE_WIDTH = 158;
export const NODE_HEIGHT = 46;
const MARGIN = 16;

export interface PlacedNode {
  readonly service: string;
  /** Its middle. */
  readonly x: number;
  readonly y: number;
}

export interface PlacedEdge {
  readonly from: string;
  readonly to: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface MapLayout {
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  readonly width: number;
  readonly height: number;
}

/** Layers from left to right, callers before callees. */
export function layOut(map: ServiceMap): MapLayout {
  const graph = new dagre.graphlib.Graph();
  const isLarge = map.services.length > 60;
  graph.setGraph({
    rankdir: "LR",
    nodesep: isLarge ? 8 : 18,
    ranksep: isLarge ? 70 : 90,
    marginx: MARGIN,
    marginy: MARGIN,
    ranker: isLarge ? "longest-path" : "network-simplex",
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const service of map.services) {
    graph.setNode(service, { width: NODE_WIDTH, height: NODE_HEIGHT });
  }
  for (const { from, to, calls } of map.edges) {
    graph.setEdge(from, to, { weight: Math.max(1, Math.round(Math.log2(calls + 1))) });
  }
  dagre.layout(graph);
  const size = graph.graph() as { width?: number; height?: number };
  const edges = map.edges.map(({ from, to }) => {
    const { points } = graph.edge(from, to) as { points: { x: number; y: number }[] };
    return { from, to, points };
  });
  // Lines that go round boxes may reach beyond the size that is told.
  const reach = edges.flatMap((edge) => edge.points);
  const right = reach.reduce((most, { x }) => Math.max(most, x), 0);
  const bottom = reach.reduce((most, { y }) => Math.max(most, y), 0);
  return {
    nodes: map.services.map((service) => {
      const { x, y } = graph.node(service) as { x: number; y: number };
      return { service, x, y };
    }),
    edges,
    width: Math.max(size.width ?? 0, right + MARGIN),
    height: Math.max(size.height ?? 0, bottom + MARGIN),
  };
}
