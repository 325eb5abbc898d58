// The found traces of the search page: first page, further pages, the newest while it is live.

import { type Signal, signal } from "@preact/signals";
import { type FoundPage, type FoundTrace, search } from "../api/search.ts";
import type { Failure, Result } from "../base/result.ts";
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
  /** Where the next page goes on. */
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
    const range = { startSeconds: start, endSeconds: end };
    const result = await search(pageOf(route, range, null), running.signal);
    this.#end(running, result, (page) => ({
      ...joined(isSame && !route.isSlowest ? this.state.peek() : NOTHING, page, route),
      ...range,
    }));
  }

  /** The page after the last one. */
  async more(route: SearchRoute): Promise<void> {
    const now = this.state.peek();
    if (now.loading || now.next === null) return;
    const running = this.#begin(true);
    const result = await search(pageOf(route, now, now.next), running.signal);
    this.#end(running, result, ({ traces: found, next, partial }) => {
      const traces = inOrder(route, now.traces ?? [], found);
      const isWhole = (next === null && partial === null) || traces.length >= FOUND_MAX;
      return { ...now, traces, isWhole, next, partial };
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
  { query, limit, isSlowest }: SearchRoute,
  { startSeconds, endSeconds }: Pick<FoundList, "startSeconds" | "endSeconds">,
  after: string | null,
) {
  return { query, startSeconds, endSeconds, limit, isSlowest, after };
}

function inOrder(
  { isSlowest }: SearchRoute,
  older: readonly FoundTrace[],
  newer: readonly FoundTrace[],
): readonly FoundTrace[] {
  return isSlowest ? slowestFirst(older, newer) : newestFirst(older, newer);
}

/** The first page, asked again, with what is known. Where both meet, the pages that were there go on. */
function joined(list: FoundList, { traces: found, next, partial }: FoundPage, route: SearchRoute) {
  const known = new Set(list.traces?.map((trace) => trace.traceId));
  const traces = inOrder(route, list.traces ?? [], found);
  const { next: furtherOn, isWhole } = list;
  const goesOn = known.size > 0 && (furtherOn !== null || isWhole);
  return goesOn && (next === null || found.some((trace) => known.has(trace.traceId)))
    ? { traces, next: furtherOn, isWhole, partial }
    : { traces, next, isWhole: next === null && partial === null, partial };
}
