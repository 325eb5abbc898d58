import { asArray, asNumber, asNumberOrNull, asObject, asString } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

export interface Candidate {
  readonly text: string;
  /** `operator`, `function`, `hint`, `attribute`, `intrinsic`, `value`. */
  readonly kind: string;
  /** Spans that have the value; null where that is not known. */
  readonly count: number | null;
}

export interface Completed {
  /** A candidate replaces the text from here on, in UTF-16 code units. */
  readonly from: number;
  readonly candidates: readonly Candidate[];
}

/** What may stand at the cursor of a query that is being typed. */
export function fetchCompletion(
  query: string,
  position: number,
  signal?: AbortSignal,
): Promise<Result<Completed>> {
  return getJson(
    "/api/sigyn/v1/complete",
    { q: query, position, limit: 100 },
    parseCompleted,
    signal,
  );
}

export function parseCompleted(json: unknown): Completed {
  const answer = asObject(json);
  return {
    from: asNumber(answer.from),
    candidates: asArray(answer.candidates)
      .map(asObject)
      .map((one) => ({
        text: asString(one.text),
        kind: asString(one.kind),
        count: asNumberOrNull(one.count),
      })),
  };
}
