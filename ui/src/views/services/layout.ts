// The layout of the service map, in a file of its own because it is loaded with the first map.

import dagre from "@dagrejs/dagre";
import type { ServiceGraph } from "../../api/service-graph.ts";
import type { BoxSize } from "./map-boxes.ts";

const MARGIN = 16;

export interface PlacedNode {
  readonly name: string;
  /** Its middle. */
  readonly x: number;
  readonly y: number;
}

export interface PlacedEdge {
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Nodes and edges in the order of the graph. */
export interface MapLayout {
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  readonly width: number;
  readonly height: number;
}

/** Layers from left to right, callers before callees. */
export function layOut({ nodes, edges }: ServiceGraph, box: BoxSize): MapLayout {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({
    rankdir: "LR",
    nodesep: box.isSmall ? 6 : 18,
    edgesep: box.isSmall ? 4 : 10,
    ranksep: box.isSmall ? 64 : 90,
    marginx: MARGIN,
    marginy: MARGIN,
    ranker: box.isSmall ? "longest-path" : "network-simplex",
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { name } of nodes) graph.setNode(name, { width: box.width, height: box.height });
  for (const { from, to, calls } of edges) {
    graph.setEdge(from, to, { weight: Math.max(1, Math.round(Math.log2(calls + 1))) });
  }
  dagre.layout(graph);
  const size = graph.graph() as { width?: number; height?: number };
  const placed = edges.map(({ from, to }) => {
    const { points } = graph.edge(from, to) as { points: { x: number; y: number }[] };
    return { points };
  });
  // Lines that go round boxes may reach beyond the size that is told.
  const reach = placed.flatMap((edge) => edge.points);
  const right = reach.reduce((most, { x }) => Math.max(most, x), 0);
  const bottom = reach.reduce((most, { y }) => Math.max(most, y), 0);
  return {
    nodes: nodes.map(({ name }) => {
      const { x, y } = graph.node(name) as { x: number; y: number };
      return { name, x, y };
    }),
    edges: placed,
    width: Math.max(size.width ?? 0, right + MARGIN),
    height: Math.max(size.height ?? 0, bottom + MARGIN),
  };
}
