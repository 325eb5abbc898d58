import { useState } from "preact/hooks";
import {
  type ActiveTarget,
  type DroppedTarget,
  fetchRelabelSteps,
  type RelabelStep,
} from "../../api/targets.ts";
import { counted, formatCount } from "../../base/number.ts";
import type { Failure } from "../../base/result.ts";
import { say } from "../../base/say.ts";
import { matchesWords } from "../../model/target-filter.ts";
import { replace } from "../../state/router.ts";
import { usePolling } from "../parts/hooks.ts";
import { LabelList } from "../parts/labels.tsx";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { TableFrame } from "../parts/table-frame.tsx";
import { FilterBox, loadTargets, targets } from "./targets-page.tsx";

const POLL_MILLIS = 5000;
/** More rows than this would only be scrolled past; the filter finds the others. */
const ROWS_SHOWN = 200;

/** What discovery found, what became of its labels, and which rule dropped what was dropped. */
export function DiscoveryPage({ filter }: { readonly filter: string }) {
  usePolling(loadTargets, POLL_MILLIS, true, "discovery");
  const { data, failure, loading } = targets.state.value;
  const active = (data?.active ?? []).filter((one) =>
    matchesWords(filter, [one.pool, one.url], { ...one.discoveredLabels, ...one.labels }),
  );
  const dropped = (data?.dropped ?? []).filter((one) =>
    matchesWords(filter, [one.pool], one.discoveredLabels),
  );
  const pools = [...new Set([...active, ...dropped].map((one) => one.pool))].sort();
  return (
    <>
      <div class="page-head">
        <h1>{say("discovery.serviceDiscovery")}</h1>
        <span class="grow" />
        <FilterBox
          label={say("discovery.filter")}
          value={filter}
          onChange={(next) => replace({ page: "service-discovery", filter: next })}
        />
      </div>
      {failure && (
        <FailureBox
          title={say("discovery.discoveryCouldNotBeLoaded")}
          failure={failure}
          onRetry={loadTargets}
        />
      )}
      {!data && !failure && loading && <Loading text={say("discovery.whatWasDiscovered")} />}
      {data && pools.length === 0 && (
        <Empty
          title={
            filter === "" ? say("discovery.nothingWasDiscovered") : say("discovery.nothingMatches")
          }
        >
          <p>
            {filter === ""
              ? say("discovery.noScrapeConfigFoundATarget")
              : say("discovery.noDiscoveredTargetHasTheseWords")}
          </p>
        </Empty>
      )}
      {pools.map((pool) => (
        <Pool
          key={pool}
          pool={pool}
          active={active.filter((one) => one.pool === pool)}
          dropped={dropped.filter((one) => one.pool === pool)}
          droppedCount={data?.droppedCounts[pool] ?? 0}
        />
      ))}
    </>
  );
}

function Pool(props: {
  readonly pool: string;
  readonly active: readonly ActiveTarget[];
  readonly dropped: readonly DroppedTarget[];
  readonly droppedCount: number;
}) {
  const { active, dropped } = props;
  const hidden = Math.max(0, active.length - ROWS_SHOWN) + Math.max(0, dropped.length - ROWS_SHOWN);
  const droppedCount = Math.max(props.droppedCount, dropped.length);
  return (
    <section class="group" aria-label={props.pool}>
      <h2>
        {props.pool}{" "}
        <span class="badge good">
          {say("discovery.activeCount", { count: formatCount(active.length) })}
        </span>{" "}
        {droppedCount > 0 && (
          <span class="badge">
            {say("discovery.droppedCount", { count: formatCount(droppedCount) })}
          </span>
        )}
      </h2>
      <TableFrame label={say("discovery.discoveredTargets")}>
        <table class="table discovery">
          <thead>
            <tr>
              <th scope="col">{say("discovery.discoveredLabels")}</th>
              <th scope="col">{say("discovery.became")}</th>
            </tr>
          </thead>
          <tbody>
            {active.slice(0, ROWS_SHOWN).map((one) => (
              <tr key={one.url}>
                <td>
                  <LabelList labels={one.discoveredLabels} />
                </td>
                <td>
                  <LabelList labels={one.labels} />
                </td>
              </tr>
            ))}
            {dropped.slice(0, ROWS_SHOWN).map((one) => (
              <tr key={JSON.stringify(one.discoveredLabels)} class="dropped">
                <td>
                  <LabelList labels={one.discoveredLabels} />
                </td>
                <td>
                  <DropReason target={one} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableFrame>
      {hidden > 0 && (
        <p class="hint">{say("discovery.moreRows", { rows: counted(hidden, "moreRow") })}</p>
      )}
      {droppedCount > dropped.length && dropped.length > 0 && (
        <p class="hint">
          {say("discovery.beyondList", { drops: counted(droppedCount - dropped.length, "drop") })}
        </p>
      )}
    </section>
  );
}

function DropReason({ target }: { readonly target: DroppedTarget }) {
  const [steps, setSteps] = useState<readonly RelabelStep[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const explain = async () => {
    const result = await fetchRelabelSteps(target.pool, target.discoveredLabels);
    setFailure(result.ok ? null : result.failure);
    if (result.ok) setSteps(result.value);
  };
  const rule = target.droppedByRule;
  return (
    <div class="drop-reason">
      <span>
        {say("discovery.dropped")}
        {rule === null ? "" : ` ${say("discovery.byRelabelingRule", { value: rule + 1 })}`}
      </span>
      {steps === null && (
        <button type="button" class="link" onClick={explain}>
          {rule === null ? say("discovery.showTheSteps") : say("discovery.showTheRule")}
        </button>
      )}
      {failure && <span class="bad">{failure.sentence}</span>}
      {steps && <Rule step={steps.find((step) => !step.keep) ?? steps[rule ?? 0]} />}
    </div>
  );
}

function Rule({ step }: { readonly step: RelabelStep | undefined }) {
  if (!step) return <span class="muted">{say("discovery.thePresentRulesWouldKeepIt")}</span>;
  return (
    <pre class="rule">
      {Object.entries(step.rule)
        .map(
          ([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
        )
        .join("\n")}
    </pre>
  );
}
