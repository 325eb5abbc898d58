import { type Signal, signal } from "@preact/signals";
import { type Failure, type Loadable, NOTHING_LOADED, type Result } from "../base/result.ts";

/** Answers of a proxy whose server is away, and no answer at all. */
const AWAY_STATUS = [0, 502, 503, 504];
/** Between two questions to a server that is away. */
const AGAIN_MILLIS = 5000;

/** Whether asking again later may help without anybody's doing. */
export function isAway(failure: Failure): boolean {
  return AWAY_STATUS.includes(failure.status);
}

/**
 * Something fetched: the newest request wins, old data stays visible until newer is there. A server that is away is
 * asked again until it is back, so that no part of a page has to be woken by hand.
 */
export class Resource<T> {
  readonly state: Signal<Loadable<T>> = signal(NOTHING_LOADED);
  #running: AbortController | null = null;
  #key = "";
  #again: ReturnType<typeof setTimeout> | undefined;

  /** Fetches. A changed `key` means another thing: what was loaded before is forgotten. */
  async load(key: string, request: (signal: AbortSignal) => Promise<Result<T>>): Promise<void> {
    this.stop();
    const running = new AbortController();
    this.#running = running;
    const isSame = key === this.#key;
    this.#key = key;
    this.state.value = isSame ? { ...this.state.value, loading: true } : NOTHING_LOADED;
    const result = await request(running.signal);
    if (this.#running !== running) return;
    this.#running = null;
    this.state.value = result.ok
      ? { data: result.value, failure: null, loading: false, loadedAtMillis: Date.now() }
      : { ...this.state.value, failure: result.failure, loading: false };
    if (!result.ok && isAway(result.failure)) this.#askAgain(key, request);
  }

  #askAgain(key: string, request: (signal: AbortSignal) => Promise<Result<T>>): void {
    this.#again = setTimeout(() => {
      if (document.hidden) this.#askAgain(key, request);
      else void this.load(key, request);
    }, AGAIN_MILLIS);
  }

  /** Gives up a running request. */
  stop(): void {
    clearTimeout(this.#again);
    this.#running?.abort();
    this.#running = null;
  }
}
