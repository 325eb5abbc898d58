import { type Facets, fetchFacets } from "../../api/facets.ts";
import type { FoundTrace } from "../../api/search.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { type Facet, facetsOf } from "../../model/found-traces.ts";
import { bounds } from "../../model/time-range.ts";
import { Resource } from "../../state/resource.ts";
import type { SearchRoute } from "../../state/url.ts";

/** What tells traces apart in most systems; those that nobody has are not shown. */
const FIELDS: readonly (readonly [string, string])[] = [
  ["resource.service.name", say("facets.service")],
  ["name", say("facets.operation")],
  ["status", say("facets.status")],
  ["kind", say("facets.kind")],
  ["span.http.route", say("facets.route")],
  ["span.http.response.status_code", say("facets.httpStatus")],
  ["span.db.system", say("facets.database")],
  ["resource.namespace", say("facets.namespace")],
  ["resource.instance", say("facets.instance")],
];

const served = new Resource<Facets>();

/** Counts over all matching spans; of what is loaded where the server does not count. */
export function searchFacets(traces: readonly FoundTrace[]): {
  readonly facets: readonly Facet[];
  readonly basis: string;
} {
  const { data } = served.state.value;
  if (!data) {
    return {
      facets: facetsOf(traces),
      basis: say("facets.inTheLoaded", { length: counted(traces.length, "trace") }),
    };
  }
  const facets = data.facets
    .filter((facet) => facet.values.length > 0)
    .map((facet) => ({
      ...facet,
      label: FIELDS.find(([field]) => field === facet.field)?.[1] ?? facet.field,
    }));
  return {
    facets,
    basis: say("facets.allCounted", { spans: counted(data.spans, "matchingSpan") }),
  };
}

export function loadFacets(route: SearchRoute): void {
  const { start, end } = bounds(route.range, Date.now());
  const fields = FIELDS.map(([field]) => field);
  void served.load("facets", (signal) => fetchFacets(route.query, fields, start, end, signal));
}
