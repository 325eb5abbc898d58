// The found traces of the search page: first page, further pages, the newest while it is live.

import { type Signal, signal } from "@preact/signals";
import { type FoundTrace, search } from "../api/search.ts";
import type { Failure, Result } from "../base/result.ts";
import { success } from "../base/result.ts";
import { SECOND } from "../base/time.ts";
import {
  atLeast,
  FOUND_MAX,
  joined,
  newestFirst,
  slowestFirst,
  upperTenthMillis,
} from "../model/found-traces.ts";
import { bounds } from "../model/time-range.ts";
import { meetServices } from "./services.ts";
import type { SearchRoute } from "./url.ts";

export interface FoundList {
  /** Null before the first answer. */
  readonly traces: readonly FoundTrace[] | null;
  readonly failure: Failure | null;
  readonly loading: boolean;
  /** No further page: all that matches is here. */
  readonly isWhole: boolean;
  /** What was asked, in Unix seconds. */
  readonly startSeconds: number;
  readonly endSeconds: number;
}

const NOTHING: FoundList = {
  traces: null,
  failure: null,
  loading: true,
  isWhole: false,
  startSeconds: 0,
  endSeconds: 0,
};
/** Each step asks for a tenth of what there was before. */
const SLOWEST_STEPS_MAX = 6;
/** A list of slowest traces may be this short. */
const SLOWEST_ENOUGH = 30;
const PAGE_MAX = 1000;

export class Search {
  readonly state: Signal<FoundList> = signal(NOTHING);
  #running: AbortController | null = null;
  #key = "";

  /** The first page; while the question stays the same, what is new joins what is there. */
  async load(route: SearchRoute): Promise<void> {
    const key = JSON.stringify([route.query, route.range, route.limit, route.isSlowest]);
    const { traces, failure } = this.state.peek();
    const isAsked = key === this.#key;
    const isSame = isAsked && traces !== null;
    this.#key = key;
    const running = this.#begin(isSame);
    // What is asked again failed before: that stays said until there is an answer.
    if (isAsked && !isSame && failure) this.state.value = { ...this.state.peek(), failure };
    const { start, end } = bounds(route.range, Date.now());
    const asked = { query: route.query, startSeconds: start, endSeconds: end, limit: route.limit };
    const result = route.isSlowest
      ? await searchSlowest(asked, running.signal)
      : await search(asked, running.signal);
    this.#end(running, result, (found) => {
      const known = isSame && !route.isSlowest ? (this.state.peek().traces ?? []) : [];
      return {
        traces: route.isSlowest ? slowestFirst(found) : joined(known, found),
        isWhole: found.length < route.limit && (known.length === 0 || this.state.peek().isWhole),
        startSeconds: start,
        endSeconds: end,
      };
    });
  }

  /** The page before the oldest trace that is here. */
  async more(route: SearchRoute): Promise<void> {
    const now = this.state.peek();
    const oldest = now.traces?.at(-1);
    if (!oldest || now.loading || now.isWhole || route.isSlowest) return;
    const running = this.#begin(true);
    // The second of the oldest is asked again: it may hold more traces than were cut off.
    const endSeconds = Number(oldest.start / BigInt(SECOND)) + 1;
    let limit = route.limit;
    let result: Result<readonly FoundTrace[]>;
    const known = new Set(now.traces?.map((trace) => trace.traceId));
    for (;;) {
      const asked = { query: route.query, startSeconds: now.startSeconds, endSeconds, limit };
      result = await search(asked, running.signal);
      if (!result.ok || result.value.length < limit || limit >= PAGE_MAX) break;
      if (result.value.some((trace) => !known.has(trace.traceId))) break;
      limit *= 2;
    }
    this.#end(running, result, (found) => {
      const traces = joined(now.traces ?? [], found);
      const isWhole = found.length < limit || traces.length >= FOUND_MAX;
      return { traces, isWhole, startSeconds: now.startSeconds, endSeconds: now.endSeconds };
    });
  }

  stop(): void {
    this.#running?.abort();
    this.#running = null;
  }

  #begin(keeps: boolean): AbortController {
    this.#running?.abort();
    this.#running = new AbortController();
    this.state.value = keeps ? { ...this.state.peek(), loading: true } : NOTHING;
    return this.#running;
  }

  #end(
    running: AbortController,
    result: Result<readonly FoundTrace[]>,
    take: (found: readonly FoundTrace[]) => Omit<FoundList, "failure" | "loading">,
  ): void {
    if (this.#running !== running) return;
    this.#running = null;
    if (!result.ok) {
      this.state.value = { ...this.state.peek(), failure: result.failure, loading: false };
      return;
    }
    meetServices(
      result.value.flatMap((trace) => [trace.rootService, ...trace.services.map((s) => s.name)]),
    );
    this.state.value = { ...take(result.value), failure: null, loading: false };
  }
}

interface Asked {
  readonly query: string;
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly limit: number;
}

/**
 * The longest of all that match. The server gives the newest; so the shortest length that is asked for is
 * raised until a page holds all that are longer.
 */
async function searchSlowest(
  asked: Asked,
  signal: AbortSignal,
): Promise<Result<readonly FoundTrace[]>> {
  let seen: readonly FoundTrace[] = [];
  let millis = 0;
  for (let step = 0; step < SLOWEST_STEPS_MAX; step++) {
    const query = atLeast(asked.query, millis);
    if (query === null) break;
    const result = await search({ ...asked, query }, signal);
    if (!result.ok) return result;
    seen = newestFirst(joined(seen, result.value));
    if (result.value.length < asked.limit) {
      const whole = seen.filter((trace) => trace.durationNanos >= millis * 1e6);
      return success(whole.length >= SLOWEST_ENOUGH ? whole : seen);
    }
    millis = Math.max(millis + 1, upperTenthMillis(result.value));
  }
  return success(seen);
}
