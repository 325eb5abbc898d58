import { asArray, asNumber, asObject, asString } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

export interface FacetAnswer {
  readonly field: string;
  /** Values, also those that are not listed. */
  readonly distinct: number;
  readonly values: readonly { readonly value: string; readonly count: number }[];
}

export interface Facets {
  /** Spans that match. */
  readonly spans: number;
  readonly facets: readonly FacetAnswer[];
}

/** The most frequent values of fields among all spans that match. Times in Unix seconds. */
export function fetchFacets(
  query: string,
  fields: readonly string[],
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<Result<Facets>> {
  const q = query.trim() || "{ }";
  return getJson(
    "/api/sigyn/v1/facets",
    { q, field: fields, top: 8, start, end },
    parseFacets,
    signal,
  );
}

export function parseFacets(json: unknown): Facets {
  const answer = asObject(json);
  return {
    spans: asNumber(answer.spans),
    facets: asArray(answer.facets)
      .map(asObject)
      .map((facet) => ({
        field: asString(facet.field),
        distinct: asNumber(facet.distinct),
        values: asArray(facet.values)
          .map(asObject)
          .map((one) => ({ value: asString(one.value), count: asNumber(one.count) })),
      })),
  };
}
