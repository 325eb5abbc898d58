// Pages whose files come when they are first opened, so that a first visit loads one page and not all of them.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { fetchStatus } from "../../api/status.ts";
import { say } from "../../base/say.ts";
import { FailureBox, Loading } from "./states.tsx";

/** No answer of the server's: this is not asked again by itself. */
const FILE_LACKS = -1;
/** As of a server that is away: asked again until it is back. */
const SERVER_AWAY = 0;

/** When this tab loaded itself anew because of a file, so that a file that never comes does not do so for ever. */
const RELOADED_KEY = "sigyn.reloadedForAFile";
const RELOAD_AGAIN_MILLIS = 60_000;

/** By then the first page has what it needs, and nothing stands in its way. */
const SETTLED_MILLIS = 2500;

/** Fetches of pages that nobody has opened yet. */
const waiting: (() => Promise<unknown>)[] = [];

export function lazyPage<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
): ComponentType<Props> {
  let Page: ComponentType<Props> | null = null;
  const fetchPage = async () => {
    Page ??= await load();
  };
  waiting.push(fetchPage);
  return function LazyPage(props: Props) {
    const [failure, setFailure] = useState("");
    const [, setArrived] = useState(Page !== null);
    useEffect(() => {
      let isGone = false;
      fetchPage().then(
        () => isGone || setArrived(true),
        (error) => isGone || setFailure(String(error instanceof Error ? error.message : error)),
      );
      return () => {
        isGone = true;
      };
    }, []);
    if (Page) return <Page {...props} />;
    if (failure === "") return <Loading text={say("lazyPage.thePage")} />;
    const status = hasJustReloaded() ? FILE_LACKS : SERVER_AWAY;
    return (
      <FailureBox
        title={say("lazyPage.didNotCome")}
        failure={{ sentence: say("lazyPage.whatToDo", { reason: failure }), status }}
        onRetry={() => void reloadWhenBack()}
      />
    );
  };
}

/**
 * The browser remembers a file that did not come, and a newer Sigyn names its files otherwise: only a new visit of the
 * address helps with both, and as the address is the state, it loses nothing.
 */
async function reloadWhenBack(): Promise<void> {
  const answer = await fetchStatus("buildinfo");
  if (!answer.ok) return;
  try {
    sessionStorage.setItem(RELOADED_KEY, String(Date.now()));
  } catch {
    // Without a store the tab may reload more often.
  }
  location.reload();
}

function hasJustReloaded(): boolean {
  try {
    return Date.now() - Number(sessionStorage.getItem(RELOADED_KEY)) < RELOAD_AGAIN_MILLIS;
  } catch {
    return false;
  }
}

/** Fetches the other pages when there is nothing else to do, so that opening one takes no time. */
export function fetchPagesWhenIdle(): void {
  const next = async () => {
    try {
      await waiting.shift()?.();
    } catch {
      // Opening the page asks again, and says what is wrong.
      return;
    }
    if (waiting.length > 0) whenIdle(next);
  };
  setTimeout(() => whenIdle(next), SETTLED_MILLIS);
}

function whenIdle(run: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(run, { timeout: 5000 });
  else setTimeout(run, 500);
}
