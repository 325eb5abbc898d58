import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { FoundTrace } from "../../api/search.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatClock, formatDuration, millisFromNanos } from "../../base/time.ts";
import { isTimed, operationOf } from "../../model/found-traces.ts";
import { fitted } from "../../model/time-range.ts";
import { prepareCanvas } from "../../render/canvas.ts";
import { type Dot, dotAt, drawScatter, plotOf, type ScatterScene } from "../../render/scatter.ts";
import { nowMillis } from "../../state/clock.ts";
import { navigate } from "../../state/router.ts";
import { colourOf } from "../../state/services.ts";
import { theme } from "../../state/theme.ts";
import { traceRoute } from "../../state/url.ts";
import { useSize } from "../parts/hooks.ts";
import { ServiceName } from "../parts/service.tsx";

const HEIGHT = 190;
/** A shorter drag is a click with an unsteady hand. */
const DRAG_MIN_PIXELS = 6;

/** The same traces as the list below, which is this canvas' reading for those who cannot see it. */
export function ScatterPlot(props: {
  readonly traces: readonly FoundTrace[];
  readonly fromMillis: number;
  readonly toMillis: number;
  readonly hovered: number;
  readonly onHover: (index: number) => void;
  readonly onRange: (fromMillis: number, toMillis: number) => void;
}) {
  const { traces, hovered } = props;
  const [frame, size] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const dots = traces.map(dotOf);
  const scene: ScatterScene = {
    dots,
    ...fitted(
      props,
      dots.map((dot) => dot.startMillis),
    ),
    hovered,
    theme: theme.value,
    width: size.width,
    height: HEIGHT,
    drag,
  };
  useLayoutEffect(() => {
    const context = canvas.current && prepareCanvas(canvas.current, size.width, HEIGHT);
    if (context && size.width > 0) drawScatter(context, scene);
  });

  const place = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top] as const;
  };
  const up = (event: PointerEvent) => {
    const [x, y] = place(event);
    const dragged = drag;
    setDrag(null);
    if (dragged && Math.abs(dragged.to - dragged.from) >= DRAG_MIN_PIXELS) {
      const [from, to] = [dragged.from, dragged.to].sort((a, b) => a - b);
      const plot = plotOf(scene);
      props.onRange(plot.time(from), plot.time(to));
      return;
    }
    const hit = dotAt(scene, x, y);
    if (hit >= 0) navigate(traceRoute(traces[hit].traceId));
  };
  const errors = traces.filter((trace) => trace.errorCount > 0).length;
  return (
    <div class="plot" ref={frame}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={say("scatterPlot.byStartAndDurationWithErrors", {
          length: counted(traces.length, "trace"),
          errors,
        })}
        style={{
          width: "100%",
          height: `${HEIGHT}px`,
          cursor: hovered >= 0 ? "pointer" : "crosshair",
        }}
        onPointerDown={(event) => {
          const [x] = place(event);
          setDrag({ from: x, to: x });
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          const [x, y] = place(event);
          if (drag) setDrag({ ...drag, to: x });
          else props.onHover(dotAt(scene, x, y));
        }}
        onPointerUp={up}
        onPointerLeave={() => !drag && props.onHover(-1)}
      />
      {hovered >= 0 && traces[hovered] && !drag && size.width > 0 && (
        <Tip trace={traces[hovered]} scene={scene} dot={dots[hovered]} />
      )}
    </div>
  );
}

function Tip(props: {
  readonly trace: FoundTrace;
  readonly scene: ScatterScene;
  readonly dot: Dot;
}) {
  const { trace, scene } = props;
  const plot = plotOf(scene);
  const x = plot.x(props.dot.startMillis);
  const isRight = x > scene.width / 2;
  return (
    <div
      class="tip"
      style={{
        top: `${Math.min(scene.height - 74, Math.max(4, plot.y(props.dot.durationNanos) - 32))}px`,
        left: isRight ? "auto" : `${x + 16}px`,
        right: isRight ? `${scene.width - x + 16}px` : "auto",
      }}
    >
      <ServiceName name={trace.rootService} />
      <span>{operationOf(trace, nowMillis.value)}</span>
      <span class="number muted">
        {formatDuration(trace.durationNanos)} · {formatClock(trace.start)} ·{" "}
        {counted(trace.spanCount, "span")}
        {trace.errorCount > 0 && ` · ${counted(trace.errorCount, "error")}`}
      </span>
    </div>
  );
}

function dotOf(trace: FoundTrace): Dot {
  return {
    startMillis: isTimed(trace) ? millisFromNanos(trace.start) : Number.NaN,
    durationNanos: trace.durationNanos,
    colour: colourOf(trace.rootService),
    isError: trace.errorCount > 0,
    spanCount: trace.spanCount,
  };
}
