import { fetchTargets, type Health, type Targets } from "../../api/targets.ts";
import { counted } from "../../base/number.ts";
import { say, sayRich } from "../../base/say.ts";
import { groupTargets, type TargetGroup } from "../../model/target-filter.ts";
import { Resource } from "../../state/resource.ts";
import { replace } from "../../state/router.ts";
import { usePolling } from "../parts/hooks.ts";
import { Icon } from "../parts/icon.tsx";
import { Empty, FailureBox, Loading } from "../parts/states.tsx";
import { TargetTable } from "./target-table.tsx";

const POLL_MILLIS = 3000;

/** Shared with the discovery page, so that a step between them shows what is known at once. */
export const targets = new Resource<Targets>();

export function loadTargets(): void {
  void targets.load("targets", fetchTargets);
}

const HEALTHS: readonly (readonly [Health | "", string])[] = [
  ["", say("targets.all")],
  ["up", say("targets.up")],
  ["down", say("targets.down")],
  ["unknown", say("targets.notReadYet")],
];

export function TargetsPage(props: { readonly filter: string; readonly health: Health | "" }) {
  const { filter, health } = props;
  usePolling(loadTargets, POLL_MILLIS, true, "targets");
  const { data, failure, loading } = targets.state.value;
  const groups = data ? groupTargets(data.active, filter, health) : [];
  const count = (wanted: Health | "") =>
    data?.active.filter((target) => wanted === "" || target.health === wanted).length ?? 0;
  return (
    <>
      <div class="page-head">
        <h1>{say("targets.targets")}</h1>
        <fieldset class="segments" aria-label={say("targets.health")}>
          {HEALTHS.map(([value, label]) => (
            <button
              key={value}
              type="button"
              aria-pressed={health === value}
              onClick={() => replace({ page: "targets", filter, health: value })}
            >
              {label} <span class="number muted">{count(value)}</span>
            </button>
          ))}
        </fieldset>
        <FilterBox
          label={say("targets.filterTargets")}
          value={filter}
          onChange={(next) => replace({ page: "targets", filter: next, health })}
        />
      </div>
      {failure && (
        <FailureBox
          title={
            data ? say("targets.theListIsOutOfDate") : say("targets.theTargetsCouldNotBeLoaded")
          }
          failure={failure}
          onRetry={loadTargets}
        />
      )}
      {!data && !failure && loading && <Loading text={say("targets.targets2")} />}
      {data && data.active.length === 0 && (
        <Empty title={say("targets.nothingToReadFrom")}>
          <p>
            {sayRich("targets.empty", {
              discovery: (words) => <a href="/service-discovery">{words}</a>,
            })}
          </p>
        </Empty>
      )}
      {data && data.active.length > 0 && groups.length === 0 && (
        <Empty title={say("targets.noTargetMatches")}>
          <p>
            {sayRich("targets.noneFits", {
              targets: counted(data.active.length, "target"),
              all: (words) => <a href="/targets">{words}</a>,
            })}
          </p>
        </Empty>
      )}
      {groups.map((group) => (
        <Group key={group.pool} group={group} />
      ))}
    </>
  );
}

function Group({ group }: { readonly group: TargetGroup }) {
  const isDown = group.targets.some((target) => target.health === "down");
  const isGood = group.upCount === group.targets.length;
  return (
    <section class="group" aria-label={group.pool}>
      <h2>
        {group.pool}{" "}
        <span class={isDown ? "badge error" : isGood ? "badge good" : "badge"}>
          {say("targets.upOf", { up: group.upCount, all: group.targets.length })}
        </span>
      </h2>
      <TargetTable targets={group.targets} />
    </section>
  );
}

export function FilterBox(props: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  return (
    <search class="find">
      <Icon name="filter" />
      <input
        type="text"
        aria-label={props.label}
        placeholder={say("targets.filterExample", { label: props.label })}
        value={props.value}
        spellcheck={false}
        onInput={(event) => props.onChange(event.currentTarget.value)}
      />
    </search>
  );
}
