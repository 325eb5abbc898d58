import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import type { Comparison, SideSummary } from "../../model/compare.ts";
import { percentile } from "../../model/span-table.ts";
import type { CompareRoute } from "../../state/url.ts";
import { formatShare } from "../parts/shares.ts";

const STEPS = 36;

/** Both sides in figures, and how their durations are spread on one scale. */
export function SideSummaries(props: {
  readonly route: CompareRoute;
  readonly comparison: Comparison;
  readonly setSize: number;
}) {
  const { a, b } = props.comparison;
  const low = Math.max(1, Math.min(a.sorted[0], b.sorted[0]));
  const high = Math.max(a.sorted[a.traces - 1], b.sorted[b.traces - 1], low + 1);
  const isSets = a.traces > 1 || b.traces > 1;
  return (
    <section class="compare-summaries" aria-label={say("sideSummaries.bothSides")}>
      <Summary name="A" side={a} query={props.route.a} setSize={props.setSize} />
      <Summary name="B" side={b} query={props.route.b} setSize={props.setSize} />
      {isSets && (
        <div class="card compare-spread">
          <h2>{say("sideSummaries.durations")}</h2>
          <Spread name="a" side={a} low={low} high={high} />
          <Spread name="b" side={b} low={low} high={high} />
          <div class="tiny-axis number muted">
            <span>{formatDuration(low)}</span>
            <span>{formatDuration(high)}</span>
          </div>
        </div>
      )}
    </section>
  );
}

function Summary(props: {
  readonly name: "A" | "B";
  readonly side: SideSummary;
  readonly query: string;
  readonly setSize: number;
}) {
  const { side } = props;
  const isCut = side.traces >= props.setSize;
  return (
    <div class={`card compare-summary side-${props.name.toLowerCase()}`}>
      <h2>
        {props.name}{" "}
        <span class="muted">
          {isCut
            ? say("sideSummaries.theNewestTraces", { traces: counted(side.traces, "trace") })
            : counted(side.traces, "trace")}
        </span>
      </h2>
      <p class="mono ellipsis" title={props.query}>
        {props.query}
      </p>
      <dl class="facts">
        <div>
          <dt>{side.traces > 1 ? say("sideSummaries.median") : say("sideSummaries.duration")}</dt>
          <dd class="number">{formatDuration(percentile(side.sorted, 0.5))}</dd>
        </div>
        {side.traces > 1 && (
          <div>
            <dt>p95</dt>
            <dd class="number">{formatDuration(percentile(side.sorted, 0.95))}</dd>
          </div>
        )}
        <div>
          <dt>{say("sideSummaries.failed")}</dt>
          <dd class={side.failed > 0 ? "number bad" : "number"}>
            {formatShare(side.failed / Math.max(1, side.traces))}
          </dd>
        </div>
        <div>
          <dt>{say("sideSummaries.spansATrace")}</dt>
          <dd class="number">{side.spansPerTrace.toFixed(side.spansPerTrace < 10 ? 1 : 0)}</dd>
        </div>
      </dl>
    </div>
  );
}

function Spread(props: {
  readonly name: "a" | "b";
  readonly side: SideSummary;
  readonly low: number;
  readonly high: number;
}) {
  const counts = new Array<number>(STEPS).fill(0);
  const scale = Math.log(props.high / props.low) || 1;
  for (const nanos of props.side.sorted) {
    const share = Math.log(Math.max(nanos, props.low) / props.low) / scale;
    counts[Math.min(STEPS - 1, Math.floor(share * STEPS))] += 1;
  }
  const highest = Math.max(...counts, 1);
  return (
    <div
      class={`tiny-bars spread-${props.name}`}
      role="img"
      aria-label={say("sideSummaries.durationsOf", { toUpperCase: props.name.toUpperCase() })}
    >
      {counts.map((count, at) => (
        <span
          key={at}
          style={{ height: `${count === 0 ? 0 : Math.max(6, (count / highest) * 100)}%` }}
        />
      ))}
    </div>
  );
}
