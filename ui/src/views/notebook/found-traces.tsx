import { useEffect, useMemo } from "preact/hooks";
import { type FoundTrace, search } from "../../api/search.ts";
import { counted, formatCount } from "../../base/number.ts";
import { success } from "../../base/result.ts";
import { say } from "../../base/say.ts";
import { formatClock, formatDateTime, formatUtc } from "../../base/time.ts";
import { durationOf, isTimed, operationOf } from "../../model/found-traces.ts";
import { bounds, type TimeRange } from "../../model/time-range.ts";
import { Resource } from "../../state/resource.ts";
import { meetServices } from "../../state/services.ts";
import { emptySearch, formatRoute, traceRoute } from "../../state/url.ts";
import { ServiceName } from "../parts/service.tsx";
import { Answer } from "./answer.tsx";

const TRACES_SHOWN = 20;

/** The newest traces that match. */
export function FoundTraces(props: {
  readonly query: string;
  readonly range: TimeRange;
  readonly runs: number;
}) {
  const { query, range } = props;
  const found = useMemo(() => new Resource<readonly FoundTrace[]>(), []);
  const key = JSON.stringify([query, range]);
  const load = () =>
    void found.load(key, async (signal) => {
      const { start, end } = bounds(range, Date.now());
      const asked = { query, startSeconds: start, endSeconds: end, limit: TRACES_SHOWN };
      const result = await search(asked, signal);
      if (!result.ok) return result;
      const { traces } = result.value;
      meetServices(traces.map((trace) => trace.rootService));
      return success(traces);
    });
  useEffect(() => {
    load();
    return () => found.stop();
  }, [key, props.runs]);
  return (
    <Answer state={found.state.value} onRetry={load} isEmpty={(traces) => traces.length === 0}>
      {(traces) => (
        <>
          <table class="table cell-table">
            <thead>
              <tr>
                <th scope="col">{say("foundTraces.trace")}</th>
                <th scope="col" class="right">
                  {say("foundTraces.duration")}
                </th>
                <th scope="col" class="right">
                  {say("foundTraces.spans")}
                </th>
                <th scope="col" class="right">
                  {say("foundTraces.errors")}
                </th>
                <th scope="col" class="right">
                  {say("foundTraces.start")}
                </th>
              </tr>
            </thead>
            <tbody>
              {traces.map((trace) => (
                <tr key={trace.traceId}>
                  <td>
                    <a class="cell-trace" href={formatRoute(traceRoute(trace.traceId))}>
                      <ServiceName name={trace.rootService} />
                      <span class={trace.isRootHere ? undefined : "muted"}>
                        {operationOf(trace, Date.now())}
                      </span>
                    </a>
                  </td>
                  <td class="number right">{durationOf(trace)}</td>
                  <td class="number right">{formatCount(trace.spanCount)}</td>
                  <td class={trace.errorCount > 0 ? "number right bad" : "number right muted"}>
                    {formatCount(trace.errorCount)}
                  </td>
                  {isTimed(trace) ? (
                    <td
                      class="number right"
                      title={`${formatDateTime(trace.start, true)}\n${formatUtc(trace.start)}`}
                    >
                      {formatClock(trace.start)}
                    </td>
                  ) : (
                    <td class="right muted">–</td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
          <p class="hint cell-note">
            {traces.length < TRACES_SHOWN
              ? counted(traces.length, "trace")
              : say("foundTraces.theNewestTraces", { TRACES_SHOWN })}
            {" · "}
            <a href={formatRoute({ ...emptySearch(query), range })}>
              {say("foundTraces.openAsASearch")}
            </a>
          </p>
        </>
      )}
    </Answer>
  );
}
