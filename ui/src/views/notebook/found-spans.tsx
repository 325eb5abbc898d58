import { useEffect, useMemo } from "preact/hooks";
import { fetchSpanRows, type SpanRow } from "../../api/spans.ts";
import { counted } from "../../base/number.ts";
import { say } from "../../base/say.ts";
import { formatClock, formatDateTime, formatDuration } from "../../base/time.ts";
import { bounds, type TimeRange } from "../../model/time-range.ts";
import { Resource } from "../../state/resource.ts";
import { formatRoute, traceRoute } from "../../state/url.ts";
import { Answer } from "./answer.tsx";

const TRACES_ASKED = 100;
const ROWS_SHOWN = 50;

/** Spans that match, a row each, with the chosen fields as columns. */
export function FoundSpans(props: {
  readonly query: string;
  readonly columns: readonly string[];
  readonly range: TimeRange;
  readonly runs: number;
}) {
  const { query, columns, range } = props;
  const found = useMemo(() => new Resource<readonly SpanRow[]>(), []);
  const key = JSON.stringify([query, columns, range]);
  const load = () =>
    void found.load(key, (signal) => {
      const { start, end } = bounds(range, Date.now());
      const asked = { query, columns, startSeconds: start, endSeconds: end, limit: TRACES_ASKED };
      return fetchSpanRows(asked, signal);
    });
  useEffect(() => {
    load();
    return () => found.stop();
  }, [key, props.runs]);
  return (
    <Answer state={found.state.value} onRetry={load} isEmpty={(rows) => rows.length === 0}>
      {(rows) => {
        const shown = rows.slice(0, ROWS_SHOWN);
        const names = [...new Set(shown.flatMap((row) => Object.keys(row.cells)))];
        return (
          <>
            <div class="cell-scroller">
              <table class="table cell-table">
                <thead>
                  <tr>
                    <th scope="col">{say("foundSpans.span")}</th>
                    <th scope="col" class="right">
                      {say("foundSpans.duration")}
                    </th>
                    {names.map((name) => (
                      <th key={name} scope="col" class="mono">
                        {name}
                      </th>
                    ))}
                    <th scope="col" class="right">
                      {say("foundSpans.start")}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((row, at) => (
                    <tr key={`${row.traceId} ${row.spanId} ${at}`}>
                      <td>
                        {row.traceId ? (
                          <a href={formatRoute(traceRoute(row.traceId, row.spanId))}>
                            {row.name || say("noName")}
                          </a>
                        ) : (
                          row.name
                        )}
                      </td>
                      <td class="number right">{formatDuration(row.durationNanos)}</td>
                      {names.map((name) => (
                        <td key={name} class="cell-value">
                          {name in row.cells ? String(row.cells[name]) : ""}
                        </td>
                      ))}
                      <td class="number right" title={formatDateTime(row.start, true)}>
                        {formatClock(row.start)}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            <p class="hint cell-note">
              {rows.length > ROWS_SHOWN
                ? say("foundSpans.someShown", {
                    shown: ROWS_SHOWN,
                    spans: counted(rows.length, "span"),
                  })
                : say("foundSpans.allShown", { spans: counted(rows.length, "span") })}
            </p>
          </>
        );
      }}
    </Answer>
  );
}
