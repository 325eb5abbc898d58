import { signal } from "@preact/signals";
import { formatRoute, parseRoute, type Route } from "./url.ts";

/** The page that is shown. Every other page state follows from it. */
export const route = signal<Route>(parseRoute(location.pathname, location.search));

/** Browsers refuse more than about a hundred changes in half a minute; dragging makes more. */
const REPLACE_DELAY_MILLIS = 200;
let replaceTimer = 0;

/** Goes to another page, or to another state of this one that "back" should return from. */
export function navigate(next: Route): void {
  flushReplace();
  history.pushState(null, "", formatRoute(next));
  if (next.page !== route.value.page) scrollTo(0, 0);
  route.value = next;
}

/** Changes the state of this page without a step in the history. */
export function replace(next: Route): void {
  route.value = next;
  clearTimeout(replaceTimer);
  replaceTimer = setTimeout(flushReplace, REPLACE_DELAY_MILLIS) as unknown as number;
}

function flushReplace(): void {
  if (replaceTimer === 0) return;
  clearTimeout(replaceTimer);
  replaceTimer = 0;
  history.replaceState(null, "", formatRoute(route.value));
}

/** Lets plain links of our own pages change the page without loading it anew. */
export function startRouter(): void {
  addEventListener("popstate", () => {
    clearTimeout(replaceTimer);
    replaceTimer = 0;
    route.value = parseRoute(location.pathname, location.search);
  });
  document.addEventListener("click", (event) => {
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (!isPlain || event.defaultPrevented || !(event.target instanceof Element)) return;
    const link = event.target.closest("a");
    if (!link || link.target || link.origin !== location.origin || link.hasAttribute("download")) {
      return;
    }
    const next = parseRoute(link.pathname, link.search);
    if (next.page === "not-found") return;
    event.preventDefault();
    navigate(next);
  });
}
