import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Heat } from "../../base/heat.ts";
import { counted } from "../../base/number.ts";
import { type Noun, say } from "../../base/say.ts";
import { formatClock, formatDuration, nanosFromMillis } from "../../base/time.ts";
import type { Narrowing } from "../../model/narrow.ts";
import { prepareCanvas } from "../../render/canvas.ts";
import {
  type Box,
  drawHeat,
  type HeatDot,
  type HeatField,
  type HeatScene,
  heatDotAt,
  heatFieldAt,
  heatScale,
} from "../../render/heat-map.ts";
import { theme } from "../../state/theme.ts";
import { useSize } from "./hooks.ts";

const HEIGHT = 190;
/** A shorter drag is a click with an unsteady hand. */
const DRAG_MIN_PIXELS = 6;

export interface HeatPlotDot extends HeatDot {
  readonly words: ComponentChildren;
}

/** Counts by time and value. Drag a box to narrow to it; click a dot to open what it stands for. */
export function HeatPlot(props: {
  readonly heat: Heat;
  readonly dots: readonly HeatPlotDot[];
  readonly mark?: HeatDot;
  readonly format?: (value: number) => string;
  readonly noun: Noun;
  readonly label: string;
  readonly height?: number;
  readonly onNarrow?: (narrowing: Narrowing) => void;
  readonly onDot: (dot: number) => void;
  /** A click on a field that holds something. */
  readonly onField?: (field: HeatField) => void;
}) {
  const { heat, height = HEIGHT, format = formatDuration } = props;
  const [frame, size] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<Box | null>(null);
  const [at, setAt] = useState<{ x: number; y: number } | null>(null);
  const base = {
    heat,
    dots: props.dots,
    mark: props.mark ?? null,
    format,
    theme: theme.value,
    width: size.width,
    height,
  };
  const hovered = at ? heatDotAt({ ...base, hovered: -1, drag: null }, at.x, at.y) : -1;
  const scene: HeatScene = { ...base, hovered, drag };
  useLayoutEffect(() => {
    const context = canvas.current && prepareCanvas(canvas.current, size.width, height);
    if (context && size.width > 0) drawHeat(context, scene);
  });
  const scale = heatScale(scene);
  const place = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const up = () => {
    const box = drag;
    setDrag(null);
    if (!box) return;
    const isDrag =
      Math.abs(box.toX - box.fromX) >= DRAG_MIN_PIXELS ||
      Math.abs(box.toY - box.fromY) >= DRAG_MIN_PIXELS;
    if (!isDrag) {
      const field = heatFieldAt(scene, box.fromX, box.fromY);
      if (hovered >= 0) props.onDot(hovered);
      else if (field !== null && field.count > 0) props.onField?.(field);
      return;
    }
    const [left, right] = [box.fromX, box.toX].sort((a, b) => a - b);
    const [top, bottom] = [box.fromY, box.toY].sort((a, b) => a - b);
    const isFlat = bottom - top < DRAG_MIN_PIXELS * 2;
    props.onNarrow?.({
      fromMillis: scale.millis(left),
      toMillis: scale.millis(right),
      fromNanos: isFlat ? 0 : scale.value(bottom),
      toNanos: isFlat ? Number.POSITIVE_INFINITY : scale.value(top),
    });
  };
  return (
    <div class="plot" ref={frame}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={props.label}
        style={{
          width: "100%",
          height: `${height}px`,
          cursor: hovered >= 0 ? "pointer" : props.onNarrow ? "crosshair" : "default",
        }}
        onPointerDown={(event) => {
          const { x, y } = place(event);
          setDrag({ fromX: x, toX: x, fromY: y, toY: y });
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          const now = place(event);
          setAt(now);
          if (drag) setDrag({ ...drag, toX: now.x, toY: now.y });
        }}
        onPointerUp={up}
        onPointerLeave={() => setAt(null)}
      />
      {at && !drag && size.width > 0 && (
        <Readout
          scene={scene}
          noun={props.noun}
          words={props.dots[hovered]?.words}
          x={at.x}
          y={at.y}
        />
      )}
    </div>
  );
}

function Readout(props: {
  readonly scene: HeatScene;
  readonly noun: Noun;
  /** What is under the pointer, where it is a dot. */
  readonly words: ComponentChildren;
  readonly x: number;
  readonly y: number;
}) {
  const { scene, x, y } = props;
  const { format } = scene;
  const field = heatFieldAt(scene, x, y);
  if (!props.words && !field) return null;
  const isRight = x > scene.width / 2;
  return (
    <div
      class="tip"
      style={{
        top: `${Math.max(4, y - 40)}px`,
        ...(isRight ? { right: `${scene.width - x + 12}px` } : { left: `${x + 12}px` }),
      }}
    >
      {props.words ??
        (field && (
          <>
            <strong class="number">{counted(field.count, props.noun)}</strong>
            <span class="number">
              {say("heatPlot.fromTo", { from: format(field.low), to: format(field.high) })}
            </span>
            <span class="number muted">
              {formatClock(nanosFromMillis(heatScale(scene).millis(x)))}
            </span>
          </>
        ))}
    </div>
  );
}
