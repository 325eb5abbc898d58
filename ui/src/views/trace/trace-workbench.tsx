// Minimap, tool bar, waterfall and detail of one trace, and the keys that drive them.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { isSameSpan, type TimeSpan, zoom } from "../../base/timescale.ts";
import type { PlacedExemplar } from "../../model/exemplars.ts";
import { findSpans, nextMatch } from "../../model/find.ts";
import { collapsedAtDepth, hasChildren, revealed, rowOf, visibleRows } from "../../model/rows.ts";
import { spanKey, spanOfKey } from "../../model/span-key.ts";
import type { Trace } from "../../model/trace.ts";
import { route as currentRoute, replace } from "../../state/router.ts";
import type { TraceRoute } from "../../state/url.ts";
import { isTyping, usePageKeys } from "../parts/hooks.ts";
import { Icon } from "../parts/icon.tsx";
import { FindBar } from "./find-bar.tsx";
import { Minimap } from "./minimap-view.tsx";
import { ShortcutsDialog } from "./shortcuts-dialog.tsx";
import { SpanDetail } from "./span-detail.tsx";
import { Waterfall } from "./waterfall-view.tsx";

const ROWS_A_PAGE = 20;

export function TraceWorkbench(props: {
  readonly trace: Trace;
  readonly route: TraceRoute;
  readonly exemplars: readonly PlacedExemplar[];
}) {
  const { trace, route } = props;
  const full: TimeSpan = useMemo(
    () => ({ from: 0, to: Math.max(trace.durationNanos, 1) }),
    [trace],
  );
  const view = route.view ?? full;
  const selected = spanOfKey(trace, route.span);
  const collapsed = useMemo(
    () => new Set(route.collapsed.map((key) => spanOfKey(trace, key)).filter((span) => span >= 0)),
    [trace, route.collapsed],
  );
  const rows = useMemo(() => visibleRows(trace, collapsed), [trace, collapsed]);
  const matches = useMemo(() => findSpans(trace, route.find), [trace, route.find]);
  const matchSet = useMemo(() => new Set(matches), [matches]);
  const [isDetailOpen, setDetailOpen] = useState(route.span !== null);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const findInput = useRef<HTMLInputElement>(null);

  const update = (change: Partial<TraceRoute>) => {
    const now = currentRoute.peek();
    if (now.page === "trace") replace({ ...now, ...change });
  };
  const setView = (next: TimeSpan) => update({ view: isSameSpan(next, full) ? null : next });
  const setCollapsed = (next: ReadonlySet<number>) =>
    update({ collapsed: [...next].map((span) => spanKey(trace, span)) });
  const select = (span: number) => {
    if (span < 0) return;
    const opened = revealed(trace, collapsed, span);
    if (opened !== collapsed) setCollapsed(opened);
    update({ span: spanKey(trace, span) });
  };
  const toggle = (span: number) => {
    const next = new Set(collapsed);
    if (!next.delete(span)) next.add(span);
    setCollapsed(next);
    if (next.has(span) && selected > span && selected < span + trace.subtreeSize[span]) {
      update({ span: spanKey(trace, span) });
    }
  };
  const step = (by: number) => {
    const row = selected < 0 ? -Math.sign(by) : rowOf(rows, selected);
    select(rows[Math.min(rows.length - 1, Math.max(0, row + by))]);
  };
  const toMatch = (by: 1 | -1) => select(nextMatch(matches, selected, by));
  const zoomBy = (factor: number) => {
    const about =
      selected >= 0
        ? trace.offset[selected] + trace.duration[selected] / 2
        : (view.from + view.to) / 2;
    setView(zoom(view, Math.min(view.to, Math.max(view.from, about)), factor, full));
  };

  // A link that names a span inside of a collapsed one opens the way to it; so does an exemplar's.
  useEffect(() => {
    if (selected < 0) return;
    const opened = revealed(trace, collapsed, selected);
    if (opened !== collapsed) setCollapsed(opened);
    setDetailOpen(true);
  }, [selected]);

  const keys: Readonly<Record<string, () => void>> = {
    j: () => step(1),
    ArrowDown: () => step(1),
    k: () => step(-1),
    ArrowUp: () => step(-1),
    PageDown: () => step(ROWS_A_PAGE),
    PageUp: () => step(-ROWS_A_PAGE),
    Home: () => select(rows[0]),
    End: () => select(rows[rows.length - 1]),
    ArrowRight: () => {
      if (selected < 0 || !hasChildren(trace, selected)) return;
      if (collapsed.has(selected)) toggle(selected);
      else select(selected + 1);
    },
    ArrowLeft: () => {
      if (selected < 0) return;
      if (hasChildren(trace, selected) && !collapsed.has(selected)) toggle(selected);
      else select(trace.parent[selected]);
    },
    Enter: () => setDetailOpen(selected >= 0),
    "/": () => findInput.current?.select(),
    n: () => toMatch(1),
    N: () => toMatch(-1),
    "+": () => zoomBy(0.5),
    "=": () => zoomBy(0.5),
    "-": () => zoomBy(2),
    "0": () => update({ view: null }),
    "?": () => setHelpOpen(true),
    Escape: () => {
      if (isDetailOpen && selected >= 0) setDetailOpen(false);
      else if (route.find !== "") update({ find: "" });
      else if (route.view !== null) update({ view: null });
      else update({ span: null });
    },
  };
  usePageKeys((event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isHelpOpen || isTyping(event.target)) return;
    const isLetter = event.key.length === 1 || event.key === "Escape";
    // Arrows and Enter belong to whatever else has the focus: a button, a scrolled panel.
    const isElsewhere =
      event.target instanceof Element &&
      event.target.closest("button, a, summary, .detail") !== null;
    const run = keys[event.key];
    if (!run || (isElsewhere && !isLetter)) return;
    event.preventDefault();
    run();
  });

  return (
    <section class="workbench" aria-label="Spans">
      <Minimap trace={trace} view={view} full={full} onView={setView} />
      <div class="toolbar">
        <FindBar
          inputRef={findInput}
          text={route.find}
          matchCount={matches.length}
          position={matches.indexOf(selected)}
          onText={(find) => update({ find })}
          onStep={toMatch}
        />
        <span class="grow" />
        <span class="segments">
          <button type="button" onClick={() => setCollapsed(new Set())}>
            Expand all
          </button>
          <button type="button" onClick={() => setCollapsed(collapsedAtDepth(trace, 1))}>
            Collapse
          </button>
        </span>
        <button type="button" disabled={route.view === null} onClick={() => update({ view: null })}>
          Whole trace
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label="Keyboard shortcuts"
          title="Keyboard shortcuts (?)"
          onClick={() => setHelpOpen(true)}
        >
          <Icon name="keyboard" />
        </button>
      </div>
      <div class="split">
        <Waterfall
          trace={trace}
          rows={rows}
          view={view}
          full={full}
          collapsed={collapsed}
          selected={selected}
          matches={matchSet}
          isFinding={route.find.trim() !== ""}
          exemplars={props.exemplars}
          onSelect={(span) => {
            select(span);
            setDetailOpen(true);
          }}
          onToggle={toggle}
          onView={setView}
        />
        {isDetailOpen && selected >= 0 && (
          <SpanDetail
            trace={trace}
            route={route}
            index={selected}
            exemplars={props.exemplars.filter((placed) => placed.span === selected)}
            onClose={() => setDetailOpen(false)}
            onSelect={select}
          />
        )}
      </div>
      {isHelpOpen && <ShortcutsDialog onClose={() => setHelpOpen(false)} />}
    </section>
  );
}
