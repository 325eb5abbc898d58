import type { RefObject } from "preact";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import { isSameSpan } from "../../base/timescale.ts";
import { formatRule, parseRule } from "../../model/collapse.ts";
import { TRACE_SHOWS, type TraceShow } from "../../state/url.ts";
import { Icon } from "../parts/icon.tsx";
import { FindBar } from "./find-bar.tsx";
import type { TraceState } from "./trace-state.ts";

const SHOW_NAMES: Readonly<Record<TraceShow, string>> = {
  waterfall: say("toolbar.waterfall"),
  flame: say("toolbar.flameGraph"),
  lanes: say("toolbar.services"),
  table: say("toolbar.statistics"),
  path: say("toolbar.criticalPath"),
};

/** Levels that are offered to collapse at. */
const LEVELS = [1, 2, 3, 4, 6, 8];
/** Shares of the shown time below which spans can be left out. */
const SHORTER_SHARES = [0.001, 0.005, 0.02, 0.1];

export function Toolbar(props: {
  readonly state: TraceState;
  readonly findInput: RefObject<HTMLInputElement | null>;
}) {
  const { state } = props;
  const { route, trace, update, root } = state;
  return (
    <div class="toolbar">
      <fieldset class="segments" aria-label={say("toolbar.view")}>
        {TRACE_SHOWS.map((show, at) => (
          <button
            key={show}
            type="button"
            aria-pressed={route.show === show}
            title={`${SHOW_NAMES[show]} (${at + 1})`}
            onClick={() => update({ show })}
          >
            {SHOW_NAMES[show]}
          </button>
        ))}
      </fieldset>
      <FindBar
        inputRef={props.findInput}
        text={route.find}
        fault={state.found.fault}
        matchCount={state.found.spans.length}
        position={state.found.spans.indexOf(state.selected)}
        onText={(find) => update({ find })}
        onStep={state.toMatch}
      />
      {route.show === "waterfall" && <RowControls state={state} />}
      {root >= 0 && (
        <button type="button" class="root-chip" onClick={() => state.setRoot(-1)}>
          <Icon name="close" />
          <span class="root-name">
            {say("toolbar.onlyBelowSpan", { name: trace.spans[root].name || say("noName") })}
          </span>
        </button>
      )}
      {!isSameSpan(state.view, state.full) && (
        <button
          type="button"
          onClick={() => state.setView(state.full)}
          title={say("toolbar.showAllTimes0")}
        >
          {say("toolbar.shownLength", { length: formatDuration(state.view.to - state.view.from) })}
        </button>
      )}
    </div>
  );
}

function RowControls({ state }: { readonly state: TraceState }) {
  const { route, update, full } = state;
  const length = full.to - full.from;
  const shortest = SHORTER_SHARES.map((share) => roundedNanos(length * share));
  const offered = [...new Set([...shortest, route.durationMinNanos])].filter((one) => one > 0);
  return (
    <>
      <button
        type="button"
        aria-pressed={route.isFolding}
        title={say("toolbar.repeatedSiblingsAsOneRowF")}
        onClick={() => update({ isFolding: !route.isFolding, unfolded: [] })}
      >
        {say("toolbar.foldRepeats")}
      </button>
      <select
        aria-label={say("toolbar.collapse")}
        value={formatRule(route.rule)}
        onChange={(event) => update({ rule: parseRule(event.currentTarget.value), collapsed: [] })}
      >
        <option value="">{say("toolbar.allLevels")}</option>
        <option value="service">{say("toolbar.oneRowAServiceCall")}</option>
        {LEVELS.map((level) => (
          <option key={level} value={`depth-${level}`}>
            {counted(level, "level")}
          </option>
        ))}
      </select>
      <select
        aria-label={say("toolbar.leaveOutShortSpans")}
        value={String(route.durationMinNanos)}
        onChange={(event) => update({ durationMinNanos: Number(event.currentTarget.value) })}
      >
        <option value="0">{say("toolbar.anyDuration")}</option>
        {offered
          .sort((a, b) => a - b)
          .map((nanos) => (
            <option key={nanos} value={String(nanos)}>
              ≥ {formatDuration(nanos)}
            </option>
          ))}
      </select>
    </>
  );
}

/** One digit, so that it reads well. */
function roundedNanos(nanos: number): number {
  if (nanos < 1) return 0;
  const power = 10 ** Math.floor(Math.log10(nanos));
  return Math.round(nanos / power) * power;
}
