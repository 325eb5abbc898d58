import { useMemo, useState } from "preact/hooks";
import { counted } from "../../base/number.ts";
import { say, sayRich } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import {
  type ComparedCall,
  type Comparison,
  callersOf,
  type SideFigures,
} from "../../model/compare.ts";
import { ServiceName } from "../parts/service.tsx";
import { TableFrame } from "../parts/table-frame.tsx";

const ROWS_MAX = 400;
const INDENT_PIXELS = 14;
const INDENT_MAX = 14;

/** Both sides as one tree of calls, or ranked by where the time differs. */
export function CallTable({ comparison }: { readonly comparison: Comparison }) {
  const [isRanked, setRanked] = useState(true);
  const callers = useMemo(() => callersOf(comparison.calls), [comparison]);
  const inOrder = comparison.calls.map((call, at) => ({
    call,
    caller: comparison.calls[callers[at]] ?? null,
  }));
  const calls = isRanked
    ? inOrder.sort((x, y) => Math.abs(y.call.differenceNanos) - Math.abs(x.call.differenceNanos))
    : inOrder;
  const largest = comparison.calls.reduce(
    (max, call) => Math.max(max, Math.abs(call.differenceNanos)),
    1,
  );
  return (
    <TableFrame label={say("callTable.callsOfBothSides")}>
      <div class="table-lead compare-lead">
        <fieldset class="segments" aria-label={say("callTable.order")}>
          <button type="button" aria-pressed={isRanked} onClick={() => setRanked(true)}>
            {say("callTable.byDifference")}
          </button>
          <button type="button" aria-pressed={!isRanked} onClick={() => setRanked(false)}>
            {say("callTable.asATree")}
          </button>
        </fieldset>
        <span>
          {sayRich("callTable.lead", {
            a: (words) => <span class="more-a">{words}</span>,
            b: (words) => <span class="more-b">{words}</span>,
          })}
        </span>
      </div>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{say("callTable.call")}</th>
            <th scope="col" class="right">
              {say("callTable.aATrace")}
            </th>
            <th scope="col" class="right">
              A: p50
            </th>
            <th scope="col" class="right">
              {say("callTable.bATrace")}
            </th>
            <th scope="col" class="right">
              B: p50
            </th>
            <th scope="col" class="right">
              {say("callTable.ownTimeAB")}
            </th>
            <th scope="col" class="share-column">
              <span class="visually-hidden">{say("callTable.differenceAsABar")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {calls.slice(0, ROWS_MAX).map(({ call, caller }, at) => (
            <CallRow
              key={`${at} ${call.service} ${call.name}`}
              call={call}
              caller={isRanked ? caller : null}
              isRanked={isRanked}
              largest={largest}
            />
          ))}
        </tbody>
      </table>
      {calls.length > ROWS_MAX && (
        <p class="hint">
          {say("callTable.moreNotShown", { calls: counted(calls.length - ROWS_MAX, "call") })}
        </p>
      )}
    </TableFrame>
  );
}

function CallRow(props: {
  readonly call: ComparedCall;
  /** Told where the tree does not show it: one operation is called in many places. */
  readonly caller: ComparedCall | null;
  readonly isRanked: boolean;
  readonly largest: number;
}) {
  const { call } = props;
  const indent = props.isRanked ? 0 : Math.min(call.depth, INDENT_MAX) * INDENT_PIXELS;
  const share = Math.abs(call.differenceNanos) / props.largest;
  const isA = call.differenceNanos > 0;
  const only =
    call.a.count === 0
      ? say("callTable.onlyInB")
      : call.b.count === 0
        ? say("callTable.onlyInA")
        : "";
  const sign = isA ? "+" : "−";
  return (
    <tr>
      <td style={{ paddingLeft: `${12 + indent}px` }}>
        <span class="compare-call">
          <ServiceName name={call.service} /> <span>{call.name || say("noName")}</span>
          {props.caller && (
            <span class="muted">
              {say("callTable.calledBy", {
                caller: `${props.caller.service}: ${props.caller.name || say("noName")}`,
              })}
            </span>
          )}
          {only !== "" && <span class="badge">{only}</span>}
        </span>
      </td>
      <Side figures={call.a} />
      <Side figures={call.b} />
      <td class={isA ? "number right more-a" : "number right more-b"}>
        {call.differenceNanos === 0
          ? "0"
          : `${sign}${formatDuration(Math.abs(call.differenceNanos))}`}
      </td>
      <td class="share-column" aria-hidden="true">
        <span class="difference">
          <span class={isA ? "difference-a" : "difference-b"} style={{ width: `${share * 50}%` }} />
        </span>
      </td>
    </tr>
  );
}

function Side({ figures }: { readonly figures: SideFigures }) {
  if (figures.count === 0) {
    return (
      <>
        <td class="number right muted">–</td>
        <td class="number right muted">–</td>
      </>
    );
  }
  return (
    <>
      <td class="number right">
        {Number(figures.perTrace.toPrecision(2))} ×
        {figures.errors > 0 && (
          <span class="bad"> {say("service.err", { errors: figures.errors })}</span>
        )}
      </td>
      <td class="number right">{formatDuration(figures.p50Nanos)}</td>
    </>
  );
}
