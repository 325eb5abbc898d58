import type { RefObject } from "preact";
import { formatCount } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import type { TraceqlFault } from "../../model/traceql-tokens.ts";
import { Icon } from "../parts/icon.tsx";

export function FindBar(props: {
  readonly inputRef: RefObject<HTMLInputElement | null>;
  readonly text: string;
  readonly fault: TraceqlFault | null;
  readonly matchCount: number;
  /** Place of the selected span among the matches; −1 where it is none. */
  readonly position: number;
  readonly onText: (text: string) => void;
  readonly onStep: (by: 1 | -1) => void;
}) {
  const isFinding = props.text.trim() !== "";
  return (
    <search class="find">
      <Icon name="search" />
      <input
        ref={props.inputRef}
        type="text"
        value={props.text}
        placeholder={say("findBar.findTextOrTraceql")}
        aria-label={say("findBar.findInTrace")}
        aria-invalid={props.fault !== null}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => props.onText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") props.onStep(event.shiftKey ? -1 : 1);
          else if (event.key === "Escape") {
            props.onText("");
            event.currentTarget.blur();
          } else return;
          event.preventDefault();
        }}
      />
      {isFinding && props.fault && <FaultTip fault={props.fault} text={props.text} />}
      {isFinding && !props.fault && (
        <>
          <span class="number muted find-count" role="status">
            {matchText(props.position, props.matchCount)}
          </span>
          <button
            type="button"
            class="icon-button"
            aria-label={say("findBar.previousMatch")}
            disabled={props.matchCount === 0}
            onClick={() => props.onStep(-1)}
          >
            <Icon name="up" />
          </button>
          <button
            type="button"
            class="icon-button"
            aria-label={say("findBar.nextMatch")}
            disabled={props.matchCount === 0}
            onClick={() => props.onStep(1)}
          >
            <Icon name="down" />
          </button>
        </>
      )}
    </search>
  );
}

/** The fault with its place in the query. */
function FaultTip({ fault, text }: { readonly fault: TraceqlFault; readonly text: string }) {
  const from = Math.max(0, fault.at - 24);
  return (
    <span class="fault-tip" role="status">
      {fault.message}
      <code aria-hidden="true">
        {text.slice(from, fault.at)}
        <mark>{text.slice(fault.at, fault.at + 12) || "▲"}</mark>
      </code>
    </span>
  );
}

/** `3 of 12` on a match, else how many there are. */
function matchText(position: number, matchCount: number): string {
  if (matchCount === 0) return say("findBar.noMatch");
  const count = formatCount(matchCount);
  return position >= 0 ? say("findBar.of", { at: formatCount(position + 1), count }) : count;
}
