import { useMemo, useState } from "preact/hooks";
import { formatCount } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import {
  type GroupBy,
  type GroupColumn,
  groupSpans,
  type SpanGroup,
  sortGroups,
} from "../../model/span-table.ts";
import { quote } from "../../model/traceql.ts";
import { ServiceName } from "../parts/service.tsx";
import { TableFrame } from "../parts/table-frame.tsx";
import type { TraceState } from "./trace-state.ts";

const GROUPS_SHOWN = 500;
const GROUP_BYS: readonly (readonly [GroupBy, string])[] = [
  ["operation", say("spanGroupTable.byOperation")],
  ["service", say("spanGroupTable.byService")],
  ["kind", say("spanGroupTable.byKind")],
];
const COLUMNS: readonly (readonly [GroupColumn, string, string])[] = [
  ["count", say("spanGroupTable.spans"), say("spanGroupTable.numberOfSpans")],
  ["errorCount", say("spanGroupTable.failed"), say("spanGroupTable.spansThatFailed")],
  ["selfNanos", say("spanGroupTable.ownTime"), say("spanGroupTable.timeInWhichNoChildWas")],
  ["pathNanos", say("spanGroupTable.onPath"), say("spanGroupTable.ownTimeOnTheCriticalPath")],
  [
    "sumNanos",
    say("spanGroupTable.total"),
    say("spanGroupTable.durationsSummedParallelSpansCountEach"),
  ],
  ["p50Nanos", "p50", say("spanGroupTable.halfOfTheSpansWereAt")],
  ["p95Nanos", "p95", say("spanGroupTable.95Of100SpansWereAt")],
  ["p99Nanos", "p99", say("spanGroupTable.99Of100SpansWereAt")],
  ["maxNanos", say("spanGroupTable.max"), say("spanGroupTable.theLongestSpan")],
];

/** The spans of the shown part in groups, sorted by any column. */
export function SpanGroupTable(props: {
  readonly state: TraceState;
  readonly onSelect: (span: number) => void;
}) {
  const { trace, root, path } = props.state;
  const [by, setBy] = useState<GroupBy>("operation");
  const [sort, setSort] = useState<{ column: GroupColumn; isDescending: boolean }>({
    column: "selfNanos",
    isDescending: true,
  });
  const groups = useMemo(() => groupSpans(trace, root, by, path), [trace, root, by, path]);
  const sorted = sortGroups(groups, sort.column, sort.isDescending);
  const toggle = (column: GroupColumn) =>
    setSort({ column, isDescending: sort.column === column ? !sort.isDescending : true });
  return (
    <TableFrame label={say("spanGroupTable.spansInGroups")}>
      <div class="table-lead">
        <fieldset class="segments" aria-label={say("spanGroupTable.groupSpans")}>
          {GROUP_BYS.map(([key, label]) => (
            <button key={key} type="button" aria-pressed={by === key} onClick={() => setBy(key)}>
              {label}
            </button>
          ))}
        </fieldset>
      </div>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">
              {by === "kind" ? say("spanGroupTable.kind") : say("spanGroupTable.service")}
            </th>
            {by === "operation" && <th scope="col">{say("spanGroupTable.operation")}</th>}
            {COLUMNS.map(([column, label, title]) => (
              <th
                key={column}
                scope="col"
                class="right"
                title={title}
                aria-sort={
                  sort.column === column
                    ? sort.isDescending
                      ? "descending"
                      : "ascending"
                    : undefined
                }
              >
                <button type="button" class="sort" onClick={() => toggle(column)}>
                  {label}
                  <span aria-hidden="true">
                    {sort.column === column ? (sort.isDescending ? " ↓" : " ↑") : ""}
                  </span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, GROUPS_SHOWN).map((group) => (
            <GroupRow key={`${group.service} ${group.name}`} group={group} {...props} />
          ))}
        </tbody>
      </table>
      {sorted.length > GROUPS_SHOWN && (
        <p class="hint">
          {say("spanGroupTable.moreNotShown", { count: formatCount(sorted.length - GROUPS_SHOWN) })}
        </p>
      )}
    </TableFrame>
  );
}

function GroupRow(props: {
  readonly group: SpanGroup;
  readonly state: TraceState;
  readonly onSelect: (span: number) => void;
}) {
  const { group, state } = props;
  const query =
    group.service === ""
      ? `{ kind = ${group.name} }`
      : group.name === "" || group.name.includes("…")
        ? `{ resource.service.name = ${quote(group.service)} }`
        : `{ resource.service.name = ${quote(group.service)} && name = ${quote(group.name)} }`;
  const show = () => state.update({ find: query, show: "waterfall" });
  return (
    <tr>
      <td>{group.service === "" ? group.name : <ServiceName name={group.service} />}</td>
      {group.service !== "" && group.name !== "" && <td>{group.name}</td>}
      <td class="number right">
        <button
          type="button"
          class="link"
          title={say("spanGroupTable.markThemInTheWaterfall")}
          onClick={show}
        >
          {formatCount(group.count)}
        </button>
      </td>
      <td class={group.errorCount > 0 ? "number right bad" : "number right muted"}>
        {group.errorCount}
      </td>
      <td class="number right">{formatDuration(group.selfNanos)}</td>
      <td class="number right">{group.pathNanos > 0 ? formatDuration(group.pathNanos) : "–"}</td>
      <td class="number right">{formatDuration(group.sumNanos)}</td>
      <td class="number right">{formatDuration(group.p50Nanos)}</td>
      <td class="number right">{formatDuration(group.p95Nanos)}</td>
      <td class="number right">{formatDuration(group.p99Nanos)}</td>
      <td class="number right">
        <button type="button" class="link" onClick={() => props.onSelect(group.span)}>
          {formatDuration(group.maxNanos)}
        </button>
      </td>
    </tr>
  );
}
