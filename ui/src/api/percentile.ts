import type { Heat } from "../base/heat.ts";
import { asArray, asNumber, asNumberOrNull, asObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";
import { parseHeat } from "./heat.ts";

/** Where a duration stands among those of its operation. */
export interface Standing {
  readonly spans: number;
  /** Share of spans that took less, 0 to 1; null without a span. */
  readonly rank: number | null;
  readonly quantiles: readonly { readonly quantile: number; readonly nanos: number }[];
  /** All of these durations, in one column. */
  readonly heat: Heat;
}

const HOUR_SECONDS = 3600;

/** Among the spans of an operation in the hour before now. */
export async function fetchStanding(
  service: string,
  operation: string,
  durationNanos: number,
  nowMillis: number,
  signal?: AbortSignal,
): Promise<Result<Standing>> {
  const end = Math.ceil(nowMillis / 1000) + 1;
  const start = end - HOUR_SECONDS;
  const q = `{ resource.service.name = ${JSON.stringify(service)} && name = ${JSON.stringify(operation)} }`;
  const nanos = Math.max(0, Math.round(durationNanos));
  const asked = { q, start, end };
  const [rank, heat] = await Promise.all([
    getJson("/api/sigyn/v1/rank", { ...asked, durationNanos: nanos }, parseRank, signal),
    getJson("/api/sigyn/v1/heatmap", { ...asked, step: `${HOUR_SECONDS}s` }, parseHeat, signal),
  ]);
  if (!rank.ok) return rank;
  if (!heat.ok) return heat;
  return { ok: true, value: { ...rank.value, heat: heat.value } };
}

export function parseRank(json: unknown): Omit<Standing, "heat"> {
  const answer = asObject(json);
  return {
    spans: asNumber(answer.spans),
    rank: asNumberOrNull(answer.rank),
    quantiles: asArray(answer.quantiles)
      .map(asObject)
      .map((one) => ({ quantile: asNumber(one.quantile), nanos: asNumber(one.durationNanos) })),
  };
}
