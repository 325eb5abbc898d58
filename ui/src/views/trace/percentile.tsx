import { useEffect, useMemo } from "preact/hooks";
import type { Span } from "../../api/otlp.ts";
import { fetchStanding, type Standing } from "../../api/percentile.ts";
import { rowSums } from "../../base/heat.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import { Resource } from "../../state/resource.ts";

/** Where this span stands among those of its operation now: is it always this slow? */
export function Percentile({ span }: { readonly span: Span }) {
  const standing = useMemo(() => new Resource<Standing>(), []);
  const { serviceName } = span.resource;
  const nanos = Number(span.end - span.start);
  useEffect(() => {
    const key = `${serviceName} ${span.name} ${nanos}`;
    void standing.load(key, (signal) =>
      fetchStanding(serviceName, span.name, nanos, Date.now(), signal),
    );
    return () => standing.stop();
  }, [serviceName, span.name, nanos]);
  const { data, failure } = standing.state.value;
  return (
    <div class="percentile" aria-live="polite">
      {data && data.spans > 1 && data.rank !== null ? (
        <Place standing={data} rank={data.rank} nanos={nanos} />
      ) : (
        <p class="muted">
          {failure
            ? say("percentile.itsOperationCouldNotBeAsked", { sentence: failure.sentence })
            : data
              ? say("percentile.noOtherSpanOfThisOperation")
              : say("percentile.comparingWithItsOperation")}
        </p>
      )}
    </div>
  );
}

function Place(props: {
  readonly standing: Standing;
  readonly rank: number;
  readonly nanos: number;
}) {
  const { heat, spans, quantiles } = props.standing;
  const sums = rowSums(heat);
  const highest = Math.max(...sums, 1);
  const own = heat.bounds.findIndex((bound) => props.nanos <= bound);
  const median = quantiles.find((one) => one.quantile === 0.5);
  return (
    <>
      <p>
        {words(props.rank)}{" "}
        <span class="muted">
          {say(median ? "percentile.amongWithMedian" : "percentile.among", {
            spans: counted(spans, "span"),
            median: formatDuration(median?.nanos ?? 0),
          })}
        </span>
      </p>
      <div class="tiny-bars" aria-hidden="true">
        {sums.map((count, row) => (
          <span
            key={heat.bounds[row]}
            class={row === own ? "own" : undefined}
            style={{ height: `${count === 0 ? 0 : Math.max(8, (count / highest) * 100)}%` }}
          />
        ))}
      </div>
      <div class="tiny-axis number muted">
        <span>{formatDuration((heat.bounds[0] ?? 0) / 2)}</span>
        <span>{formatDuration(heat.bounds.at(-1) ?? 0)}</span>
      </div>
    </>
  );
}

function words(rank: number) {
  const share = Math.floor(rank * 100);
  if (share >= 90) return <strong class="bad">{say("percentile.slowerThan2", { share })}</strong>;
  return (
    <strong>
      {share < 1 ? say("percentile.amongTheFastest") : say("percentile.slowerThan2", { share })}
    </strong>
  );
}
