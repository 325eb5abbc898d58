import { signal } from "@preact/signals";

const STEP_MILLIS = 1000;

/** Now in Unix milliseconds, once a second while the page is seen; for "12 s ago". */
export const nowMillis = signal(Date.now());

export function startClock(): void {
  setInterval(() => {
    if (!document.hidden) nowMillis.value = Date.now();
  }, STEP_MILLIS);
}
