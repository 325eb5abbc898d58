// The keys of the trace page.

import { zoom } from "../../base/timescale.ts";
import { hasChildren } from "../../model/rows.ts";
import { TRACE_SHOWS } from "../../state/url.ts";
import { isTyping, usePageKeys } from "../parts/hooks.ts";
import type { TraceState } from "./trace-state.ts";

const ROWS_A_PAGE = 20;

export interface TraceKeyActions {
  readonly isOff: boolean;
  readonly isDetailOpen: boolean;
  readonly setDetailOpen: (isOpen: boolean) => void;
  readonly focusFind: () => void;
}

export function useTraceKeys(state: TraceState, actions: TraceKeyActions): void {
  const { trace, rows, selected, selectedRow, route, update } = state;
  const isRepeat = rows.repeats.has(selectedRow) && rows.spans[selectedRow] === selected;
  const isClosed = isRepeat ? !state.unfolded.has(selected) : state.collapsed.has(selected);
  const canOpen = selected >= 0 && (isRepeat || hasChildren(trace, selected));
  const zoomBy = (factor: number) => {
    const { view, full } = state;
    const middle =
      selected >= 0
        ? trace.offset[selected] + trace.duration[selected] / 2
        : (view.from + view.to) / 2;
    state.setView(zoom(view, Math.min(view.to, Math.max(view.from, middle)), factor, full));
  };
  const keys: Readonly<Record<string, () => void>> = {
    j: () => state.step(1),
    ArrowDown: () => state.step(1),
    k: () => state.step(-1),
    ArrowUp: () => state.step(-1),
    PageDown: () => state.step(ROWS_A_PAGE),
    PageUp: () => state.step(-ROWS_A_PAGE),
    Home: () => state.select(rows.spans[0]),
    End: () => state.step(rows.length),
    ArrowRight: () => {
      if (!canOpen) return;
      if (isClosed) state.toggleRow(selectedRow);
      else state.step(1);
    },
    ArrowLeft: () => {
      if (selected < 0) return;
      if (canOpen && !isClosed) state.toggleRow(selectedRow);
      else state.select(trace.parent[selected]);
    },
    Enter: () => actions.setDetailOpen(selected >= 0),
    "/": actions.focusFind,
    n: () => state.toMatch(1),
    N: () => state.toMatch(-1),
    "+": () => zoomBy(0.5),
    "=": () => zoomBy(0.5),
    "-": () => zoomBy(2),
    "0": () => state.setView(state.full),
    r: () => state.setRoot(selected >= 0 && selected !== state.root ? selected : -1),
    f: () => update({ isFolding: !route.isFolding, unfolded: [] }),
    Escape: () => {
      if (actions.isDetailOpen && selected >= 0) actions.setDetailOpen(false);
      else if (route.find !== "") update({ find: "" });
      else if (route.view !== null) update({ view: null });
      else if (route.root !== null) state.setRoot(-1);
      else update({ span: null });
    },
  };
  usePageKeys((event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (actions.isOff || isTyping(event.target)) return;
    const isLetter = event.key.length === 1 || event.key === "Escape";
    // Arrows and Enter belong to whatever else has the focus: a button, a scrolled panel.
    const isElsewhere =
      event.target instanceof Element &&
      event.target.closest("button, a, summary, .detail, [role=tablist]") !== null;
    const show = TRACE_SHOWS[Number(event.key) - 1];
    const run = show ? () => update({ show }) : keys[event.key];
    if (!run || (isElsewhere && !isLetter)) return;
    event.preventDefault();
    run();
  });
}
