import { asArray, asObject, asString } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

export interface Operation {
  readonly name: string;
  /** `server`, `client`, … in lower case; empty where unknown. */
  readonly kind: string;
}

/** Names, sorted. */
export function fetchServices(signal?: AbortSignal): Promise<Result<readonly string[]>> {
  return getJson("/api/sigyn/v1/services", {}, parseServices, signal);
}

export function fetchOperations(
  service: string,
  signal?: AbortSignal,
): Promise<Result<readonly Operation[]>> {
  return getJson("/api/sigyn/v1/operations", { service }, parseOperations, signal);
}

export function parseServices(json: unknown): readonly string[] {
  return asArray(asObject(json).services)
    .map((service) => asString(asObject(service).name))
    .filter((name) => name !== "")
    .sort();
}

export function parseOperations(json: unknown): readonly Operation[] {
  return asArray(asObject(json).operations)
    .map(asObject)
    .map((operation) => ({
      name: asString(operation.name),
      kind: asString(operation.kind).replace("SPAN_KIND_", "").toLowerCase(),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
