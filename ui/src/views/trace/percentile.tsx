import { useEffect, useMemo } from "preact/hooks";
import type { Span } from "../../api/otlp.ts";
import { fetchPeers, type Peers } from "../../api/percentile.ts";
import { logBars, rankOf, stepOf } from "../../base/distribution.ts";
import { formatDuration } from "../../base/time.ts";
import { Resource } from "../../state/resource.ts";

const STEPS = 40;

/** Where this span stands among those of its operation now: is it always this slow? */
export function Percentile({ span }: { readonly span: Span }) {
  const peers = useMemo(() => new Resource<Peers>(), []);
  const { serviceName } = span.resource;
  useEffect(() => {
    const key = `${serviceName} ${span.name}`;
    void peers.load(key, (signal) => fetchPeers(serviceName, span.name, Date.now(), signal));
    return () => peers.stop();
  }, [serviceName, span.name]);
  const { data, failure } = peers.state.value;
  const length = Number(span.end - span.start);
  return (
    <div class="percentile" aria-live="polite">
      {data && data.durations.count > 1 ? (
        <Standing peers={data} nanos={length} />
      ) : (
        <p class="muted">
          {failure
            ? `Its operation could not be asked for: ${failure.sentence}`
            : data
              ? "No other span of this operation in the last hour."
              : "Comparing with its operation…"}
        </p>
      )}
    </div>
  );
}

function Standing({ peers, nanos }: { readonly peers: Peers; readonly nanos: number }) {
  const { durations } = peers;
  const rank = rankOf(durations, nanos);
  const bounds = {
    fromNanos: Math.min(nanos, durations.sorted[0]),
    toNanos: Math.max(nanos, durations.sorted[durations.count - 1]) + 1,
  };
  const bars = logBars(durations, STEPS, bounds);
  const highest = Math.max(...bars.counts, 1);
  const own = stepOf(nanos, STEPS, bounds);
  const middle = durations.sorted[durations.count >> 1];
  return (
    <>
      <p>
        {words(rank)}{" "}
        <span class="muted">
          of {peers.what}; median {formatDuration(middle)}
        </span>
      </p>
      <div class="tiny-bars" aria-hidden="true">
        {bars.counts.map((count, at) => (
          <span
            key={at}
            class={at === own ? "own" : undefined}
            style={{ height: `${count === 0 ? 0 : Math.max(8, (count / highest) * 100)}%` }}
          />
        ))}
      </div>
      <div class="tiny-axis number muted">
        <span>{formatDuration(bounds.fromNanos)}</span>
        <span>{formatDuration(bounds.toNanos)}</span>
      </div>
    </>
  );
}

function words(rank: number) {
  const share = Math.floor(rank * 100);
  if (share >= 99) return <strong class="bad">Slower than 99 % or more</strong>;
  if (share >= 90) return <strong class="bad">Slower than {share} %</strong>;
  return <strong>{share < 1 ? "Among the fastest" : `Slower than ${share} %`}</strong>;
}
