import { asArray, asObject, asString } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

/** Attribute names with their scope in front (`span.http.method`), sorted. */
export function fetchTags(signal?: AbortSignal): Promise<Result<readonly string[]>> {
  return getJson("/api/v2/search/tags", {}, parseTags, signal);
}

/** Values that an attribute had lately, as text. */
export function fetchTagValues(
  tag: string,
  signal?: AbortSignal,
): Promise<Result<readonly string[]>> {
  const path = `/api/v2/search/tag/${encodeURIComponent(tag)}/values`;
  return getJson(path, {}, parseTagValues, signal);
}

export function parseTags(json: unknown): readonly string[] {
  const names: string[] = [];
  for (const scope of asArray(asObject(json).scopes).map(asObject)) {
    const scopeName = asString(scope.name);
    if (scopeName !== "span" && scopeName !== "resource") continue;
    for (const tag of asArray(scope.tags)) names.push(`${scopeName}.${asString(tag)}`);
  }
  return names.sort();
}

export function parseTagValues(json: unknown): readonly string[] {
  return asArray(asObject(json).tagValues).map((value) =>
    typeof value === "string" ? value : asString(asObject(value).value),
  );
}
