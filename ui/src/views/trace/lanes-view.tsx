import { useMemo, useState } from "preact/hooks";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatOffset } from "../../base/time.ts";
import { buildLanes } from "../../model/lanes.ts";
import { durationText } from "../../model/trace.ts";
import { drawLanes, type LanesScene, laneSpanAt, lanesHeight } from "../../render/lanes.ts";
import { colourOf } from "../../state/services.ts";
import { theme } from "../../state/theme.ts";
import { Drawing } from "../parts/drawing.tsx";
import type { Size } from "../parts/hooks.ts";
import { ServiceName } from "../parts/service.tsx";
import type { TraceState } from "./trace-state.ts";

/** A lane for each service: who was busy when, and who waited for whom. */
export function LanesView(props: {
  readonly state: TraceState;
  readonly onSelect: (span: number) => void;
}) {
  const { state } = props;
  const { trace, root } = state;
  const lanes = useMemo(() => buildLanes(trace, root), [trace, root]);
  const [hovered, setHovered] = useState(-1);
  const colours = trace.services.map((service) => colourOf(service.name));
  const scene = (size: Size, scrollTop: number): LanesScene => ({
    trace,
    lanes,
    view: state.view,
    zeroNanos: state.zeroNanos,
    selected: state.selected,
    hovered,
    matches: state.isFinding ? state.matches : null,
    colours,
    theme: theme.value,
    ...size,
    scrollTop,
  });
  const span = trace.spans[hovered];
  return (
    <Drawing
      label={say("lanes.overTimeTheWaterfallHoldsThe", {
        length: counted(lanes.length, "serviceLane"),
      })}
      contentHeight={lanesHeight(lanes)}
      draw={(context, size, top) => drawLanes(context, scene(size, top))}
      onHover={(place, size, top) =>
        setHovered(place ? laneSpanAt(scene(size, top), place.x, place.y) : -1)
      }
      onClick={(place, size, top) => {
        const at = laneSpanAt(scene(size, top), place.x, place.y);
        if (at >= 0) props.onSelect(at);
      }}
    >
      {span && (
        <div class="readout" role="status">
          <ServiceName name={span.resource.serviceName} />
          <strong>{span.name || say("noName")}</strong>
          <span class="number">
            {say("lanes.durationAt", {
              duration: durationText(trace, hovered),
              offset: formatOffset(trace.offset[hovered] - state.zeroNanos),
            })}
          </span>
        </div>
      )}
    </Drawing>
  );
}
