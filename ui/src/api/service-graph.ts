import { asArray, asNumber, asObject, asString } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

/** Only a service has spans of its own; the others are known from their callers. */
export type NodeKind = "service" | "database" | "virtual_node";

export interface GraphNode {
  readonly name: string;
  readonly kind: NodeKind;
  readonly ratePerSecond: number;
  readonly errorRatePerSecond: number;
}

/** All calls from one service to another in a range. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly calls: number;
  readonly failed: number;
  readonly p50Nanos: number;
  readonly p95Nanos: number;
  readonly p99Nanos: number;
  /** Whether a message lies between them, or a database or a host without spans is called. */
  readonly connection: string;
}

export interface ServiceGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** Why it is not whole; empty when it is. */
  readonly partial: string;
}

/** Who calls whom, from all spans that start in a range. Times in Unix seconds. */
export function fetchServiceGraph(
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<Result<ServiceGraph>> {
  return getJson("/api/sigyn/v1/service-graph", { start, end }, parseServiceGraph, signal);
}

export function parseServiceGraph(json: unknown): ServiceGraph {
  const answer = asObject(json);
  const nanos = (value: unknown) => asNumber(value) * 1e9;
  return {
    nodes: asArray(answer.nodes)
      .map(asObject)
      .map((node) => ({
        name: asString(node.name),
        kind: node.type === "database" || node.type === "virtual_node" ? node.type : "service",
        ratePerSecond: asNumber(node.ratePerSecond),
        errorRatePerSecond: asNumber(node.errorRatePerSecond),
      })),
    edges: asArray(answer.edges)
      .map(asObject)
      .map((edge) => ({
        from: asString(edge.client),
        to: asString(edge.server),
        calls: asNumber(edge.calls),
        failed: asNumber(edge.failed),
        p50Nanos: nanos(edge.p50Seconds),
        p95Nanos: nanos(edge.p95Seconds),
        p99Nanos: nanos(edge.p99Seconds),
        connection: asString(edge.connectionType),
      })),
    partial: asString(answer.partial),
  };
}
