import { useMemo } from "preact/hooks";
import type { Exemplar, Exemplars } from "../../api/exemplars.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatClock, millisFromNanos } from "../../base/time.ts";
import { commonUnit, formatValue, thinned } from "../../model/exemplars.ts";
import { narrowed } from "../../model/narrow.ts";
import type { TimeRange } from "../../model/time-range.ts";
import { navigate } from "../../state/router.ts";
import { traceRoute } from "../../state/url.ts";
import { HeatPlot } from "../parts/heat-plot.tsx";

const HEIGHT = 240;

/** All exemplars by time and value, and the newest as dots that open their traces. */
export function ExemplarPlot(props: {
  readonly exemplars: Exemplars;
  readonly onRange: (range: TimeRange) => void;
}) {
  const { heat, spread, count } = props.exemplars;
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
        onNarrow={(narrowing) => props.onRange(narrowed("", narrowing).range)}
        onDot={(dot) => {
          const { traceId, spanId } = dots[dot];
          if (traceId) navigate(traceRoute(traceId, spanId));
        }}
      />
    </section>
  );
}

function placeOf(exemplar: Exemplar) {
  return { atMillis: millisFromNanos(exemplar.time), value: exemplar.value };
}
