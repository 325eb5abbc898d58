import { useMemo } from "preact/hooks";
import { counted, formatCount } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import { pathByOperation } from "../../model/critical-path.ts";
import { ServiceName, serviceColour } from "../parts/service.tsx";
import { TableFrame } from "../parts/table-frame.tsx";
import { percent } from "./insight-strip.tsx";
import type { TraceState } from "./trace-state.ts";

const ROWS_MAX = 500;

/** The critical path by own time: what to make faster, in this order. */
export function PathList(props: {
  readonly state: TraceState;
  readonly onSelect: (span: number) => void;
}) {
  const { trace, path } = props.state;
  const shares = useMemo(() => pathByOperation(trace, path), [trace, path]);
  const longest = shares[0]?.nanos ?? 1;
  return (
    <TableFrame label={say("pathList.criticalPathByOwnTime")}>
      <p class="table-lead">
        {say("pathList.lead", {
          total: formatDuration(path.totalNanos),
          spans: counted(path.bySelfTime.length, "span"),
        })}
      </p>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{say("pathList.service")}</th>
            <th scope="col">{say("pathList.operation")}</th>
            <th scope="col" class="right">
              {say("pathList.spans")}
            </th>
            <th scope="col" class="right">
              {say("pathList.ownTimeOnThePath")}
            </th>
            <th scope="col" class="right">
              {say("pathList.share")}
            </th>
            <th scope="col" class="share-column">
              <span class="visually-hidden">{say("pathList.shareAsABar")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {shares.slice(0, ROWS_MAX).map((share) => (
            <tr key={`${share.service} ${share.name}`}>
              <td>{share.span >= 0 && <ServiceName name={share.service} />}</td>
              <td>
                {share.span >= 0 ? (
                  <button type="button" class="link" onClick={() => props.onSelect(share.span)}>
                    {share.name || say("noName")}
                  </button>
                ) : (
                  share.name
                )}
              </td>
              <td class="number right">{share.span >= 0 ? formatCount(share.count) : "–"}</td>
              <td class="number right">{formatDuration(share.nanos)}</td>
              <td class="number right">{percent(share.nanos, path.totalNanos)}</td>
              <td class="share-column" aria-hidden="true">
                <span
                  class={share.span >= 0 ? "share-bar" : "share-bar wait"}
                  style={{
                    width: `${(share.nanos / longest) * 100}%`,
                    ...(share.span >= 0 && { background: serviceColour(share.service) }),
                  }}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}
