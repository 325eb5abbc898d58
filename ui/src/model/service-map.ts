// What of the service graph is drawn: all of it, or what is near one service.

import type { GraphEdge, GraphNode, ServiceGraph } from "../api/service-graph.ts";

export type Lines = "calls" | "errors" | "latency";

/** A service may call another in several ways; on the map that is one line. */
export function joinedEdges(edges: readonly GraphEdge[]): readonly GraphEdge[] {
  const byEnds = new Map<string, GraphEdge>();
  for (const edge of edges) {
    const key = `${edge.from}\n${edge.to}`;
    const other = byEnds.get(key);
    if (!other) byEnds.set(key, edge);
    else {
      const longer = other.p95Nanos >= edge.p95Nanos ? other : edge;
      const calls = other.calls + edge.calls;
      byEnds.set(key, { ...longer, calls, failed: other.failed + edge.failed });
    }
  }
  return [...byEnds.values()].sort((a, b) => b.calls - a.calls);
}

/** A service with those that are at most so many calls away, whoever calls. */
export function neighbourhood(graph: ServiceGraph, service: string, steps: number): ServiceGraph {
  const near = new Set([service]);
  for (let step = 0; step < steps; step++) {
    const found = graph.edges.filter(({ from, to }) => near.has(from) || near.has(to));
    for (const { from, to } of found) near.add(from).add(to);
  }
  return {
    ...graph,
    nodes: graph.nodes.filter(({ name }) => near.has(name)),
    edges: graph.edges.filter(({ from, to }) => near.has(from) && near.has(to)),
  };
}

export function failedShare(edge: GraphEdge): number {
  return edge.calls > 0 ? edge.failed / edge.calls : 0;
}

export function nodeErrorShare(node: GraphNode): number {
  return node.ratePerSecond > 0 ? node.errorRatePerSecond / node.ratePerSecond : 0;
}

/** How thick each line is, 0 to 1, beside the others. */
export function lineShares(edges: readonly GraphEdge[], lines: Lines): readonly number[] {
  const weights = edges.map((edge) => weightOf(edge, lines));
  const [least, most] = [Math.min(...weights), Math.max(...weights)];
  // Failed calls are measured from none; of calls and times the least is thin.
  const from = lines === "errors" ? 0 : least;
  return weights.map((weight) => (most > from ? (weight - from) / (most - from) : 0));
}

function weightOf(edge: GraphEdge, lines: Lines): number {
  if (lines === "errors") return failedShare(edge);
  return Math.log10((lines === "calls" ? edge.calls : edge.p95Nanos) + 1);
}
