import { asArray, asNumber, asObject, asString, type JsonObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

/** What a service or an operation was asked in a stretch of time. */
export interface Figures {
  readonly ratePerSecond: number;
  readonly errorRatePerSecond: number;
  /** Null where nothing was asked. */
  readonly p50Nanos: number | null;
  readonly p95Nanos: number | null;
  readonly p99Nanos: number | null;
}

export interface Service extends Figures {
  readonly name: string;
}

export interface Operation extends Figures {
  readonly name: string;
  /** `server`, `client`, … in lower case; empty where unknown. */
  readonly kind: string;
}

/** Unix seconds. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Names, sorted. */
export function fetchServices(signal?: AbortSignal): Promise<Result<readonly string[]>> {
  return getJson("/api/sigyn/v1/services", {}, parseServices, signal);
}

/** Services with the figures of what they were asked (spans of kind server and consumer). */
export function fetchServiceFigures(
  range: Range,
  signal?: AbortSignal,
): Promise<Result<readonly Service[]>> {
  return getJson("/api/sigyn/v1/services", { ...range }, parseServiceFigures, signal);
}

export function fetchOperations(
  service: string,
  signal?: AbortSignal,
  range?: Range,
): Promise<Result<readonly Operation[]>> {
  return getJson("/api/sigyn/v1/operations", { service, ...range }, parseOperations, signal);
}

export function parseServices(json: unknown): readonly string[] {
  return parseServiceFigures(json).map((service) => service.name);
}

export function parseServiceFigures(json: unknown): readonly Service[] {
  return asArray(asObject(json).services)
    .map(asObject)
    .map((service) => ({ name: asString(service.name), ...figuresOf(service) }))
    .filter(({ name }) => name !== "")
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function parseOperations(json: unknown): readonly Operation[] {
  return asArray(asObject(json).operations)
    .map(asObject)
    .map((operation) => ({
      name: asString(operation.name),
      kind: asString(operation.kind).replace("SPAN_KIND_", "").toLowerCase(),
      ...figuresOf(operation),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function figuresOf(json: JsonObject): Figures {
  return {
    ratePerSecond: asNumber(json.ratePerSecond),
    errorRatePerSecond: asNumber(json.errorRatePerSecond),
    p50Nanos: nanosOf(json, "p50"),
    p95Nanos: nanosOf(json, "p95"),
    p99Nanos: nanosOf(json, "p99"),
  };
}

function nanosOf(json: JsonObject, quantile: string): number | null {
  const duration = asObject(json.durationNanos);
  return quantile in duration ? asNumber(duration[quantile]) : null;
}
