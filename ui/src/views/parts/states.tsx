// What every page shows while it has nothing else to show.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Failure } from "../../base/result.ts";
import { say } from "../../base/say.ts";
import { isAway } from "../../state/resource.ts";
import { Icon } from "./icon.tsx";

/** Whoever has looked at a spinner for so long wants to know whether it will end. */
const LONG_MILLIS = 8000;

/** `text` says what is being loaded, as a whole. */
export function Loading({ text }: { readonly text: string }) {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), LONG_MILLIS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="state" role="status">
      <span class="drip" aria-hidden="true" />
      <p>{text}</p>
      {isLong && <p class="hint">{say("states.noAnswerYet")}</p>}
    </div>
  );
}

export function Empty(props: {
  readonly title: string;
  /** There is nothing else on the page, so this names it. */
  readonly isWholePage?: boolean;
  readonly children: ComponentChildren;
}) {
  const Heading = props.isWholePage ? "h1" : "h2";
  return (
    <div class="state">
      <svg class="state-bowl" viewBox="0 0 64 40" width="64" height="40" aria-hidden="true">
        <path d="M6 10h52a26 24 0 0 1-52 0z" />
      </svg>
      <Heading>{props.title}</Heading>
      {props.children}
    </div>
  );
}

/** Between two questions to a server that was away. */
const AGAIN_MILLIS = 4000;

/** The server's own sentence, with a way to ask again. A server that is away is asked again until it is back. */
export function FailureBox(props: {
  readonly title: string;
  readonly failure: Failure;
  readonly onRetry?: () => void;
  readonly children?: ComponentChildren;
}) {
  const retry = useRef(props.onRetry);
  retry.current = props.onRetry;
  const isAsked = props.onRetry !== undefined && isAway(props.failure);
  useEffect(() => {
    if (!isAsked) return;
    const again = () => {
      if (!document.hidden) retry.current?.();
    };
    const timer = setInterval(again, AGAIN_MILLIS);
    addEventListener("online", again);
    return () => {
      clearInterval(timer);
      removeEventListener("online", again);
    };
  }, [isAsked]);
  return (
    <div class="failure" role="alert">
      <Icon name="warn" />
      <div>
        <strong>{props.title}</strong>
        <p class="failure-sentence">{props.failure.sentence}</p>
        {isAsked && <p class="hint">{say("states.askedAgain")}</p>}
        {props.children}
      </div>
      {props.onRetry && (
        <button type="button" onClick={props.onRetry}>
          {say("states.tryAgain")}
        </button>
      )}
    </div>
  );
}
