// The canvas, the scroller over it, and the tree that says the same to screen readers.

import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { FrameScheduler } from "../../base/frame.ts";
import { say } from "../../base/say.ts";
import { clampSpan, pan, toTime, zoom } from "../../base/timescale.ts";
import type { PlacedExemplar } from "../../model/exemplars.ts";
import type { Loss } from "../../model/losses.ts";
import { hasChildren } from "../../model/rows.ts";
import { prepareCanvas } from "../../render/canvas.ts";
import { drawWaterfall } from "../../render/waterfall.ts";
import {
  barScale,
  indentOf,
  ROW_HEIGHT,
  RULER_HEIGHT,
  rowAt,
  rowsInSight,
  type WaterfallScene,
} from "../../render/waterfall-scene.ts";
import { colourOf } from "../../state/services.ts";
import { theme } from "../../state/theme.ts";
import { useSize } from "../parts/hooks.ts";
import { type Pointed, RowTip } from "./row-tip.tsx";
import { SpanTree } from "./span-tree.tsx";
import { type TraceState, usePathRows } from "./trace-state.ts";

const DRAG_MIN_PIXELS = 5;
const DIVIDER_REACH = 5;
const NAMES_MIN = 120;

type Drag =
  | { readonly kind: "zoom"; readonly from: number; readonly to: number }
  | { readonly kind: "divider" };

export interface WaterfallProps {
  readonly state: TraceState;
  readonly exemplars: readonly PlacedExemplar[];
  readonly lost: readonly Loss[];
  readonly onSelect: (span: number) => void;
}

export function Waterfall(props: WaterfallProps) {
  const { state } = props;
  const { trace, rows, selected, selectedRow } = state;
  const path = usePathRows(state);
  const [frame, frameSize] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const hovered = useRef(-1);
  const pointed = useSignal<Pointed | null>(null);
  const drag = useRef<Drag | null>(null);
  const [namesShare, setNamesShare] = useState(0);
  const [sight, setSight] = useState<readonly [number, number]>([0, 0]);

  const width = scroller.current?.clientWidth || frameSize.width;
  const height = frameSize.height;
  const namesWidth = Math.round(
    Math.max(NAMES_MIN, namesShare > 0 ? namesShare * width : Math.min(380, width * 0.36)),
  );
  const exemplars = useMemo(() => bySpan(props.exemplars), [props.exemplars]);
  const colours = trace.services.map((service) => colourOf(service.name));
  const sceneNow = (): WaterfallScene => ({
    trace,
    rows,
    path,
    lost: props.lost,
    view: state.view,
    zeroNanos: state.zeroNanos,
    collapsed: state.collapsed,
    unfolded: state.unfolded,
    selected,
    selectedRow,
    matches: state.matches,
    isFinding: state.isFinding,
    exemplars,
    colours,
    theme: theme.value,
    width,
    height,
    namesWidth,
    hoveredRow: hovered.current,
    scrollTop: scroller.current?.scrollTop ?? 0,
    drag: drag.current?.kind === "zoom" ? drag.current : null,
  });
  const latest = useRef(sceneNow);
  latest.current = sceneNow;

  const scheduler = useMemo(
    () =>
      new FrameScheduler(() => {
        const scene = latest.current();
        if (scene.width === 0 || !canvas.current) return;
        const context = prepareCanvas(canvas.current, scene.width, scene.height);
        if (context) drawWaterfall(context, scene);
        const next = rowsInSight(scene);
        setSight((old) => (old[0] === next[0] && old[1] === next[1] ? old : next));
      }),
    [],
  );
  useLayoutEffect(() => scheduler.request());
  useEffect(() => () => scheduler.cancel(), [scheduler]);
  // It is read when a frame is drawn, which rendering does not see.
  useSignalEffect(() => {
    if (theme.value) scheduler.request();
  });

  // Follows the selection only.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (selectedRow < 0 || !element || height === 0) return;
    const top = selectedRow * ROW_HEIGHT;
    const room = height - RULER_HEIGHT;
    const isAbove = top < element.scrollTop;
    const isBelow = top + ROW_HEIGHT > element.scrollTop + room;
    const isFar = top < element.scrollTop - room || top > element.scrollTop + 2 * room;
    if (isFar) element.scrollTop = top - room / 2;
    else if (isAbove) element.scrollTop = top;
    else if (isBelow) element.scrollTop = top + ROW_HEIGHT - room;
  }, [selected, selectedRow, height === 0]);

  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    // Registered by hand: a listener that stops the page from scrolling may not be passive.
    const wheel = (event: WheelEvent) => {
      const scene = latest.current();
      const scale = barScale(scene.view, scene.width, scene.namesWidth);
      const x = event.clientX - element.getBoundingClientRect().left;
      const { full, setView: onView } = wheelState.current;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const about = toTime(scale, Math.max(scale.left, x));
        onView(zoom(scene.view, about, Math.exp(event.deltaY * 0.004), full));
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        const pixels = event.deltaX || event.deltaY;
        onView(pan(scene.view, (pixels / scale.width) * (scale.to - scale.from), full));
      }
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, []);
  const wheelState = useRef(state);
  wheelState.current = state;

  const place = (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const row = rowAt(y, scroller.current?.scrollTop ?? 0, rows.length);
    return { x, y, row };
  };
  const onPointerDown = (event: PointerEvent) => {
    const { x } = place(event);
    if (event.button !== 0 || x > width) return;
    if (Math.abs(x - namesWidth) <= DIVIDER_REACH) drag.current = { kind: "divider" };
    else if (x > namesWidth) drag.current = { kind: "zoom", from: x, to: x };
    else return;
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent) => {
    const { x, y, row } = place(event);
    const element = event.currentTarget as HTMLElement;
    pointed.value = row >= 0 && x > namesWidth && drag.current === null ? { row, x, y } : null;
    if (drag.current?.kind === "divider") {
      setNamesShare(Math.min(0.8, Math.max(NAMES_MIN / width, x / width)));
    } else if (drag.current?.kind === "zoom") {
      drag.current = { ...drag.current, to: Math.max(namesWidth, x) };
    }
    hovered.current = row;
    element.style.cursor =
      Math.abs(x - namesWidth) <= DIVIDER_REACH ? "col-resize" : row >= 0 ? "pointer" : "default";
    scheduler.request();
  };
  const onPointerUp = (event: PointerEvent) => {
    const dragged = drag.current;
    drag.current = null;
    scheduler.request();
    if (dragged?.kind === "divider") return;
    if (dragged?.kind === "zoom" && Math.abs(dragged.to - dragged.from) >= DRAG_MIN_PIXELS) {
      const scale = barScale(state.view, width, namesWidth);
      const [from, to] = [dragged.from, dragged.to].sort((a, b) => a - b);
      state.setView(clampSpan({ from: toTime(scale, from), to: toTime(scale, to) }, state.full));
      return;
    }
    const { x, row } = place(event);
    if (event.button !== 0 || row < 0) return;
    const span = rows.spans[row];
    const caret = indentOf(rows.depths[row]);
    const canToggle = rows.repeats.has(row) || hasChildren(trace, span);
    // A closed repeat has no detail of its own to show, so all of its row opens it.
    const isCaret = x >= caret - 6 && x < caret + 14 && canToggle;
    const isClosedRepeat = rows.repeats.has(row) && !state.unfolded.has(span);
    if (isCaret || (isClosedRepeat && x < namesWidth)) state.toggleRow(row);
    else props.onSelect(span);
  };
  const onDblClick = (event: MouseEvent) => {
    const { x, row } = place(event);
    if (row < 0 || x < namesWidth) return;
    const span = rows.spans[row];
    const repeat = rows.repeats.get(row);
    const start = repeat ? repeat.from : trace.offset[span];
    const length = repeat ? repeat.to - repeat.from : trace.duration[span];
    const around = Math.max(50, length * 0.05);
    const from = start - around;
    state.setView(clampSpan({ from, to: from + length + 2 * around }, state.full));
  };

  return (
    <div class="waterfall" ref={frame}>
      <canvas ref={canvas} style={{ width: `${width}px`, height: `${height}px` }} />
      <div
        ref={scroller}
        class="waterfall-scroller"
        role="tree"
        tabIndex={0}
        aria-label={say("waterfall.spansAsATree")}
        aria-activedescendant={selectedRow >= 0 ? `row-${selectedRow}` : undefined}
        onScroll={() => {
          pointed.value = null;
          scheduler.request();
        }}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerLeave={() => {
          hovered.current = -1;
          pointed.value = null;
          scheduler.request();
        }}
        onDblClick={onDblClick}
      >
        <SpanTree
          trace={trace}
          rows={rows}
          first={sight[0]}
          last={sight[1]}
          selectedRow={selectedRow}
          collapsed={state.collapsed}
          unfolded={state.unfolded}
        />
        <div role="none" style={{ height: `${RULER_HEIGHT + rows.length * ROW_HEIGHT}px` }} />
      </div>
      <RowTip pointed={pointed} state={state} width={width} height={height} />
    </div>
  );
}

function bySpan(placed: readonly PlacedExemplar[]): ReadonlyMap<number, readonly PlacedExemplar[]> {
  const map = new Map<number, PlacedExemplar[]>();
  for (const one of placed) {
    const list = map.get(one.span);
    if (list) list.push(one);
    else if (one.span >= 0) map.set(one.span, [one]);
  }
  return map;
}
