// The found traces of the search page: first page, further pages, the newest while it is live.

import { type Signal, signal } from "@preact/signals";
import { type FoundPage, type FoundTrace, search } from "../api/search.ts";
import type { Failure, Result } from "../base/result.ts";
import { SECOND } from "../base/time.ts";
import { FOUND_MAX, newestFirst, slowestFirst } from "../model/found-traces.ts";
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
  /** Where the slowest go on. */
  readonly next: string | null;
  /** Why the last answer was not whole; null when it was. */
  readonly partial: string | null;
  /** What was asked, in Unix seconds. */
  readonly startSeconds: number;
  readonly endSeconds: number;
}

const NOTHING: FoundList = {
  traces: null,
  failure: null,
  loading: true,
  isWhole: false,
  next: null,
  partial: null,
  startSeconds: 0,
  endSeconds: 0,
};
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
    const result = await search(
      { ...pageOf(route, { startSeconds: start, endSeconds: end }), ...slowest(route, null) },
      running.signal,
    );
    this.#end(running, result, ({ traces: found, next, partial }) => {
      const known = isSame && !route.isSlowest ? (this.state.peek().traces ?? []) : [];
      const isLast = found.length < route.limit && partial === null;
      return {
        traces: route.isSlowest ? slowestFirst([], found) : newestFirst(known, found),
        isWhole: isLast && (known.length === 0 || this.state.peek().isWhole),
        next,
        partial,
        startSeconds: start,
        endSeconds: end,
      };
    });
  }

  /** The page after the last trace that is here. */
  async more(route: SearchRoute): Promise<void> {
    const now = this.state.peek();
    if (!now.traces || now.traces.length === 0 || now.loading || now.isWhole) return;
    if (route.isSlowest) await this.#moreSlowest(route, now);
    else await this.#moreNewest(route, now, now.traces);
  }

  async #moreSlowest(route: SearchRoute, now: FoundList): Promise<void> {
    if (now.next === null) return;
    const running = this.#begin(true);
    const result = await search(
      { ...pageOf(route, now), ...slowest(route, now.next) },
      running.signal,
    );
    this.#end(running, result, ({ traces: found, next, partial }) => {
      const traces = slowestFirst(now.traces ?? [], found);
      const isWhole = (next === null && partial === null) || traces.length >= FOUND_MAX;
      return { ...now, traces, isWhole, next, partial };
    });
  }

  async #moreNewest(
    route: SearchRoute,
    now: FoundList,
    traces: readonly FoundTrace[],
  ): Promise<void> {
    const running = this.#begin(true);
    // The second of the oldest is asked again: it may hold more traces than were cut off.
    const endSeconds = Number((traces.at(-1)?.start ?? 0n) / BigInt(SECOND)) + 1;
    const known = new Set(traces.map((trace) => trace.traceId));
    const asked = pageOf(route, { startSeconds: now.startSeconds, endSeconds });
    let { limit } = route;
    let result: Result<FoundPage>;
    for (;;) {
      result = await search({ ...asked, limit }, running.signal);
      if (!result.ok || result.value.traces.length < limit || limit >= PAGE_MAX) break;
      if (result.value.traces.some((trace) => !known.has(trace.traceId))) break;
      limit *= 2;
    }
    this.#end(running, result, ({ traces: found, partial }) => {
      const all = newestFirst(traces, found);
      const isLast = found.length < limit && partial === null;
      return { ...now, traces: all, isWhole: isLast || all.length >= FOUND_MAX, partial };
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
    result: Result<FoundPage>,
    take: (found: FoundPage) => Omit<FoundList, "failure" | "loading">,
  ): void {
    if (this.#running !== running) return;
    this.#running = null;
    if (!result.ok) {
      this.state.value = { ...this.state.peek(), failure: result.failure, loading: false };
      return;
    }
    meetServices(
      result.value.traces.flatMap((trace) => [
        trace.rootService,
        ...trace.services.map((s) => s.name),
      ]),
    );
    this.state.value = { ...take(result.value), failure: null, loading: false };
  }
}

function pageOf(
  { query, limit }: SearchRoute,
  { startSeconds, endSeconds }: Pick<FoundList, "startSeconds" | "endSeconds">,
) {
  return { query, startSeconds, endSeconds, limit };
}

function slowest(route: SearchRoute, after: string | null) {
  return route.isSlowest ? { longest: { after } } : {};
}
