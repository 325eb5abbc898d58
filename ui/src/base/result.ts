/** Why something could not be had, in a sentence for people. */
export interface Failure {
  readonly sentence: string;
  /** The HTTP status, or 0 where no answer came at all. */
  readonly status: number;
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

export function success<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function failure<T>(sentence: string, status = 0): Result<T> {
  return { ok: false, failure: { sentence, status } };
}

/** What a page knows about something that it fetches. Old data stays while newer is on its way. */
export interface Loadable<T> {
  readonly data: T | null;
  readonly failure: Failure | null;
  readonly loading: boolean;
  /** Browser time of the last good answer; 0 before it. */
  readonly loadedAtMillis: number;
}

export const NOTHING_LOADED: Loadable<never> = {
  data: null,
  failure: null,
  loading: true,
  loadedAtMillis: 0,
};
