import { useEffect, useMemo } from "preact/hooks";
import { type Exemplar, type Exemplars, fetchSpread } from "../../api/exemplars.ts";
import type { Heat } from "../../base/heat.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatClock, millisFromNanos } from "../../base/time.ts";
import { commonUnit, formatValue, thinned } from "../../model/exemplars.ts";
import { narrowed } from "../../model/narrow.ts";
import type { TimeRange } from "../../model/time-range.ts";
import type { HeatField } from "../../render/heat-map.ts";
import { Resource } from "../../state/resource.ts";
import { navigate } from "../../state/router.ts";
import { traceRoute } from "../../state/url.ts";
import { HeatPlot } from "../parts/heat-plot.tsx";

const HEIGHT = 240;

/** All exemplars by time and value, and the newest as dots that open their traces. */
export function ExemplarPlot(props: {
  readonly exemplars: Exemplars;
  readonly query: string;
  readonly onRange: (range: TimeRange) => void;
  readonly onField: (field: HeatField) => void;
}) {
  const { heat, dots: newest, count } = props.exemplars;
  const all = newest.length >= count;
  const spread = useSpread(props.query, heat, all) ?? newest;
  const unit = commonUnit(spread.map((one) => one.seriesLabels.__name__ ?? ""));
  const dots = useMemo(
    () =>
      thinned(
        spread.filter((one) => one.traceId !== null),
        heat,
        placeOf,
      ),
    [spread, heat],
  );
  return (
    <section class="card plot-card" aria-label={say("exemplars.byTimeAndValue")}>
      <p class="plot-note hint">
        <span>{say("exemplars.plotLead", { exemplars: counted(count, "exemplar") })}</span>
        <span class="plot-key">
          <span class="diamond" aria-hidden="true" /> {say("exemplars.dotOpens")}
        </span>
      </p>
      <HeatPlot
        heat={heat}
        height={HEIGHT}
        noun="exemplar"
        label={say("exemplars.plotLabel", { exemplars: counted(count, "exemplar") })}
        format={(value) => formatValue(value, unit)}
        dots={dots.map((one) => ({
          ...placeOf(one),
          words: (
            <>
              <strong class="number">{formatValue(one.value, unit)}</strong>
              <span class="mono">{one.seriesLabels.__name__}</span>
              <span class="number muted">{formatClock(one.time)}</span>
            </>
          ),
        }))}
        onField={props.onField}
        onNarrow={(narrowing) => props.onRange(narrowed("", narrowing).range)}
        onDot={(dot) => {
          const { traceId, spanId } = dots[dot];
          if (traceId) navigate(traceRoute(traceId, spanId));
        }}
      />
    </section>
  );
}

/** The newest of thousands all stand at the right edge; so others are asked for, once these are seen. */
function useSpread(query: string, heat: Heat, isNeedless: boolean): readonly Exemplar[] | null {
  const spread = useMemo(() => new Resource<readonly Exemplar[]>(), []);
  useEffect(() => {
    if (!isNeedless) void spread.load(query, (signal) => fetchSpread(query, heat, signal));
    return () => spread.stop();
  }, [query, heat, isNeedless]);
  const { data } = spread.state.value;
  return isNeedless || data === null || data.length === 0 ? null : data;
}

function placeOf(exemplar: Exemplar) {
  return { atMillis: millisFromNanos(exemplar.time), value: exemplar.value };
}
