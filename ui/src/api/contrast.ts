import { asArray, asNumber, asObject, asString } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import { getJson } from "./client.ts";

export interface ContrastField {
  readonly field: string;
  /** 0: the same in both sets, 1: no value in common. */
  readonly difference: number;
  readonly values: readonly {
    /** Null: spans without the field. */
    readonly value: string | null;
    readonly selection: number;
    readonly baseline: number;
  }[];
}

export interface Contrast {
  readonly selectionSpans: number;
  readonly baselineSpans: number;
  readonly fields: readonly ContrastField[];
}

/** Which fields set two sets of spans apart, the most telling first. Times in Unix seconds. */
export function fetchContrast(
  selection: string,
  baseline: string,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<Result<Contrast>> {
  return getJson(
    "/api/sigyn/v1/contrast",
    { selection, baseline, fields: 16, values: 6, start, end },
    parseContrast,
    signal,
  );
}

export function parseContrast(json: unknown): Contrast {
  const answer = asObject(json);
  return {
    selectionSpans: asNumber(answer.selectionSpans),
    baselineSpans: asNumber(answer.baselineSpans),
    fields: asArray(answer.fields)
      .map(asObject)
      .map((field) => ({
        field: asString(field.field),
        difference: asNumber(field.difference),
        values: asArray(field.values)
          .map(asObject)
          .map((one) => ({
            value: one.value === null ? null : asString(asObject(one.value).value ?? one.value),
            selection: asNumber(one.selection),
            baseline: asNumber(one.baseline),
          })),
      })),
  };
}
