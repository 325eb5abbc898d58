// Pages whose files come when they are first opened, so that a first visit loads one page and not all of them.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { say } from "../../base/say.ts";
import { FailureBox, Loading } from "./states.tsx";

/** No answer of the server's: this is not asked again by itself, because it may take a new visit. */
const FILE_LACKS = -1;

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
    const [attempt, setAttempt] = useState(0);
    const [failure, setFailure] = useState("");
    const [, setArrived] = useState(Page !== null);
    useEffect(() => {
      let isGone = false;
      setFailure("");
      fetchPage().then(
        () => isGone || setArrived(true),
        (error) => isGone || setFailure(String(error instanceof Error ? error.message : error)),
      );
      return () => {
        isGone = true;
      };
    }, [attempt]);
    if (Page) return <Page {...props} />;
    if (failure === "") return <Loading text={say("lazyPage.thePage")} />;
    // A browser may remember that a file did not come; then only a new visit asks again.
    const retry = () => (attempt === 0 ? setAttempt(1) : location.reload());
    return (
      <FailureBox
        title={say("lazyPage.didNotCome")}
        failure={{ sentence: say("lazyPage.whatToDo", { reason: failure }), status: FILE_LACKS }}
        onRetry={retry}
      />
    );
  };
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
