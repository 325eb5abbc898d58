import { useEffect, useMemo, useState } from "preact/hooks";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import { buildFlame, type Flame } from "../../model/flame.ts";
import { drawFlame, FLAME_ROW, type FlameScene, flameBoxAt } from "../../render/flame.ts";
import { colourOf } from "../../state/services.ts";
import { theme } from "../../state/theme.ts";
import { Drawing } from "../parts/drawing.tsx";
import type { Size } from "../parts/hooks.ts";
import { ServiceName } from "../parts/service.tsx";
import { percent } from "./insight-strip.tsx";
import type { TraceState } from "./trace-state.ts";

/** Calls on the same path as one box; a click looks closer, a click on the top goes back. */
export function FlameView(props: {
  readonly state: TraceState;
  readonly onSelect: (span: number) => void;
}) {
  const { state } = props;
  const { trace, root } = state;
  const flame = useMemo(() => buildFlame(trace, root), [trace, root]);
  const [focus, setFocus] = useState(-1);
  const [hovered, setHovered] = useState(-1);
  useEffect(() => setFocus(-1), [flame]);
  const matches = useMemo(() => matchingBoxes(state, flame), [state.matches, flame]);
  const colours = trace.services.map((service) => colourOf(service.name));
  const scene = (size: Size, scrollTop: number): FlameScene => ({
    flame,
    focus,
    hovered,
    matches: state.isFinding ? matches : null,
    colours,
    theme: theme.value,
    ...size,
    scrollTop,
  });
  const box = flame.boxes[hovered];
  return (
    <Drawing
      label={say("flame.flameGraphOfTheStatisticsHold", {
        length: counted(flame.boxes.length, "path"),
      })}
      contentHeight={flame.depthMax * FLAME_ROW + FLAME_ROW * 3}
      draw={(context, size, top) => drawFlame(context, scene(size, top))}
      onHover={(place, size, top) =>
        setHovered(place ? flameBoxAt(scene(size, top), place.x, place.y) : -1)
      }
      onClick={(place, size, top) => {
        const at = flameBoxAt(scene(size, top), place.x, place.y);
        if (at < 0) return;
        setFocus(at === focus || flame.boxes[at].parent < 0 ? -1 : at);
        props.onSelect(flame.boxes[at].span);
      }}
    >
      {box && (
        <div class="readout" role="status">
          <ServiceName name={trace.services[box.service].name} />
          <strong>{box.name || say("noName")}</strong>
          <span class="number">
            {say("flame.figures", {
              total: formatDuration(box.width),
              share: percent(box.width, flame.width),
              own: formatDuration(box.selfNanos),
              spans: counted(box.spanCount, "span"),
            })}
          </span>
          {box.errorCount > 0 && (
            <span class="bad">{say("waterfall.failed", { errorCount: box.errorCount })}</span>
          )}
        </div>
      )}
    </Drawing>
  );
}

/** Boxes whose operation holds a match. */
function matchingBoxes({ trace, found }: TraceState, flame: Flame): ReadonlySet<number> {
  const names = new Set<string>();
  for (const span of found.spans) {
    names.add(`${trace.service[span]} ${trace.spans[span].name}`);
  }
  const boxes = new Set<number>();
  flame.boxes.forEach((box, at) => {
    if (names.has(`${box.service} ${trace.spans[box.span].name}`)) boxes.add(at);
  });
  return boxes;
}
