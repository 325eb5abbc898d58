import { type Signal, signal } from "@preact/signals";
import { type Loadable, NOTHING_LOADED, type Result } from "../base/result.ts";

/** Something fetched: the newest request wins, old data stays visible until newer is there. */
export class Resource<T> {
  readonly state: Signal<Loadable<T>> = signal(NOTHING_LOADED);
  #running: AbortController | null = null;
  #key = "";

  /** Fetches. A changed `key` means another thing: what was loaded before is forgotten. */
  async load(key: string, request: (signal: AbortSignal) => Promise<Result<T>>): Promise<void> {
    this.#running?.abort();
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
  }

  /** Gives up a running request. */
  stop(): void {
    this.#running?.abort();
    this.#running = null;
  }
}
