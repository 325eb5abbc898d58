import { useEffect, useMemo, useState } from "preact/hooks";
import type { Cell } from "../../api/notebooks.ts";
import { say } from "../../base/say.ts";
import { parseFields } from "../../model/notebook.ts";
import type { TimeRange } from "../../model/time-range.ts";
import { QueryEditor } from "../editor/query-editor.tsx";
import { Icon } from "../parts/icon.tsx";
import { FoundSeries } from "./found-series.tsx";
import { FoundSpans } from "./found-spans.tsx";
import { FoundTraces } from "./found-traces.tsx";

type Question = Exclude<Cell, { readonly kind: "markdown" }>;

/** A question in TraceQL, and below it the answer that the server gives now. */
export function QuestionCell(props: {
  readonly cell: Question;
  readonly range: TimeRange;
  readonly runs: number;
  readonly onChange: (cell: Question) => void;
  readonly onRange: (range: TimeRange) => void;
}) {
  const { cell, range } = props;
  const [draft, setDraft] = useState(cell.query);
  const [columns, setColumns] = useState(cell.kind === "table" ? cell.columns.join(", ") : "");
  const [asked, setAsked] = useState(0);
  useEffect(() => setDraft(cell.query), [cell.query]);
  const run = (query: string) => {
    setAsked(asked + 1);
    const next = query.trim();
    if (cell.kind === "table") {
      props.onChange({ ...cell, query: next, columns: parseFields(columns) });
    } else props.onChange({ ...cell, query: next });
  };
  const runs = props.runs + asked;
  const isDirty =
    draft.trim() !== cell.query ||
    (cell.kind === "table" && parseFields(columns).join() !== cell.columns.join());
  const answer = useMemo(() => {
    if (cell.kind === "search") return <FoundTraces query={cell.query} range={range} runs={runs} />;
    if (cell.kind === "metrics") {
      return <FoundSeries query={cell.query} range={range} runs={runs} onRange={props.onRange} />;
    }
    return <FoundSpans query={cell.query} columns={cell.columns} range={range} runs={runs} />;
  }, [cell, JSON.stringify(range), runs]);
  return (
    <>
      <form
        class="cell-question"
        onSubmit={(event) => {
          event.preventDefault();
          run(draft);
        }}
      >
        <QueryEditor
          text={draft}
          faultAt={null}
          isInvalid={false}
          hasId={false}
          onText={setDraft}
          onRun={run}
        />
        {cell.kind === "table" && (
          <input
            type="text"
            class="mono"
            aria-label={say("questionCell.columnsTraceqlFieldsWithCommasBetween")}
            placeholder={say("questionCell.spanHttpRouteStatus")}
            value={columns}
            spellcheck={false}
            autocomplete="off"
            onInput={(event) => setColumns(event.currentTarget.value)}
          />
        )}
        <button type="submit" class={isDirty ? "small-button primary" : "small-button"}>
          <Icon name="search" /> {say("questionCell.ask")}
        </button>
      </form>
      <div class="cell-answer">{answer}</div>
    </>
  );
}
