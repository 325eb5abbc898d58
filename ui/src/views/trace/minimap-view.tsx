import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import { clampSpan, type TimeSpan, timeScale, toTime } from "../../base/timescale.ts";
import type { Trace } from "../../model/trace.ts";
import { prepareCanvas } from "../../render/canvas.ts";
import { drawMinimap, drawMinimapView, type MinimapScene } from "../../render/minimap.ts";
import { colourOf } from "../../state/services.ts";
import { theme } from "../../state/theme.ts";
import { useSize } from "../parts/hooks.ts";

const HEIGHT = 52;
const DRAG_MIN_PIXELS = 4;

/** The whole trace in a strip; drag over it to look closer, double-click to see all again. */
export function Minimap(props: {
  readonly trace: Trace;
  readonly view: TimeSpan;
  readonly full: TimeSpan;
  readonly onView: (view: TimeSpan) => void;
}) {
  const { trace, full } = props;
  const [frame, { width }] = useSize<HTMLDivElement>();
  const base = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const colourKey = trace.services.map((service) => colourOf(service.name)).join(",");
  const scene: MinimapScene = useMemo(
    () => ({
      trace,
      colours: colourKey.split(",").map(Number),
      theme: theme.value,
      width,
      height: HEIGHT,
    }),
    [trace, colourKey, theme.value, width],
  );
  useLayoutEffect(() => {
    if (width === 0 || !base.current) return;
    const context = prepareCanvas(base.current, width, HEIGHT);
    if (context) drawMinimap(context, scene);
  }, [scene]);
  const scale = timeScale(full, 0, width);
  const view = drag ? spanOfDrag(drag) : props.view;
  useLayoutEffect(() => {
    if (width === 0 || !overlay.current) return;
    const context = prepareCanvas(overlay.current, width, HEIGHT);
    if (context) drawMinimapView(context, scene, view);
  }, [scene, view.from, view.to]);

  function spanOfDrag({ from, to }: { readonly from: number; readonly to: number }): TimeSpan {
    const [a, b] = [toTime(scale, from), toTime(scale, to)].sort((x, y) => x - y);
    return clampSpan({ from: a, to: b }, full);
  }
  const x = (event: PointerEvent) =>
    event.clientX - (event.currentTarget as HTMLElement).getBoundingClientRect().left;
  return (
    <div
      class="minimap"
      ref={frame}
      role="img"
      aria-label={say("minimap.overviewOfShownToTheKeys", {
        durationNanos: formatDuration(trace.durationNanos),
        from: formatDuration(view.from),
        to: formatDuration(view.to),
      })}
      style={{ height: `${HEIGHT}px` }}
      onPointerDown={(event) => {
        setDrag({ from: x(event), to: x(event) });
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => drag && setDrag({ ...drag, to: x(event) })}
      onPointerUp={() => {
        if (drag && Math.abs(drag.to - drag.from) >= DRAG_MIN_PIXELS)
          props.onView(spanOfDrag(drag));
        setDrag(null);
      }}
      onDblClick={() => props.onView(full)}
    >
      <canvas ref={base} />
      <canvas ref={overlay} />
    </div>
  );
}
