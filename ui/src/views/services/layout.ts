// The layout of the service map, in a file of its own because it is loaded with the first map.

import dagre from "@dagrejs/dagre";
import type { ServiceGraph } from "../../api/service-graph.ts";
import { layers } from "../../model/layers.ts";
import type { BoxSize } from "./map-boxes.ts";

const MARGIN = 16;

export interface PlacedNode {
  readonly name: string;
  /** Its middle. */
  readonly x: number;
  readonly y: number;
}

export interface PlacedEdge {
  /** The middle of its words. */
  readonly label: { readonly x: number; readonly y: number };
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
export function layOut(graph: ServiceGraph, box: BoxSize): MapLayout {
  return box.isSmall ? columns(graph, box) : routed(graph, box);
}

const COLUMN_GAP = 90;
const ROW_GAP = 6;

/** Columns of names, with lines that may pass below them. */
function columns({ nodes, edges }: ServiceGraph, box: BoxSize): MapLayout {
  const names = nodes.map(({ name }) => name);
  const found = layers(names, edges);
  const rows = Math.max(...found.map((column) => column.length));
  const height = rows * (box.height + ROW_GAP);
  const places = new Map<string, PlacedNode>();
  found.forEach((column, at) => {
    const x = MARGIN + box.width / 2 + at * (box.width + COLUMN_GAP);
    // Shorter columns stand in the middle, and a little looser.
    const step = Math.min(height / column.length, (box.height + ROW_GAP) * 2);
    const top = MARGIN + (height - step * column.length) / 2;
    column.forEach((name, row) => void places.set(name, { name, x, y: top + step * (row + 0.5) }));
  });
  const nowhere = { name: "", x: 0, y: 0 };
  const placeOf = (name: string) => places.get(name) ?? nowhere;
  return {
    nodes: names.map(placeOf),
    edges: edges.map(({ from, to }) => {
      const points = bow(placeOf(from), placeOf(to), box);
      const [, a, b] = points;
      return { points, label: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 - 5 } };
    }),
    width: 2 * MARGIN + found.length * box.width + (found.length - 1) * COLUMN_GAP,
    height: height + 2 * MARGIN,
  };
}

/** From the right edge of one box to the left edge of another, level at both ends. */
function bow(from: PlacedNode, to: PlacedNode, box: BoxSize): PlacedEdge["points"] {
  const [start, end] = [from.x + box.width / 2, to.x - box.width / 2];
  const reach = Math.max(COLUMN_GAP * 0.4, Math.min(COLUMN_GAP, (end - start) / 2));
  return [
    { x: start, y: from.y },
    { x: start + reach, y: from.y },
    { x: end - reach, y: to.y },
    { x: end, y: to.y },
  ];
}

/** Room for a line's words, so that no two of them lie on each other. */
const LABEL = { width: 40, height: 12 };

/** Lines are led round the boxes. */
function routed({ nodes, edges }: ServiceGraph, box: BoxSize): MapLayout {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({
    rankdir: "LR",
    nodesep: 18,
    edgesep: 10,
    ranksep: 64,
    marginx: MARGIN,
    marginy: MARGIN,
    ranker: "network-simplex",
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { name } of nodes) graph.setNode(name, { width: box.width, height: box.height });
  for (const { from, to, calls } of edges) {
    const weight = Math.max(1, Math.round(Math.log2(calls + 1)));
    graph.setEdge(from, to, { weight, ...LABEL, labelpos: "c" });
  }
  dagre.layout(graph);
  const size = graph.graph() as { width?: number; height?: number };
  const placed = edges.map(({ from, to }) => {
    const { points, x, y } = graph.edge(from, to) as PlacedEdge & { x: number; y: number };
    return { points, label: { x, y } };
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
