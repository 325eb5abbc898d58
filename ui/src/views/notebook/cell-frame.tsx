import type { Cell, CellKind } from "../../api/notebooks.ts";
import { say } from "../../base/say.ts";
import type { TimeRange } from "../../model/time-range.ts";
import { Icon } from "../parts/icon.tsx";
import { MarkdownCell } from "./markdown-cell.tsx";
import { QuestionCell } from "./question-cell.tsx";

export const CELL_LABELS: Readonly<Record<CellKind, string>> = {
  markdown: say("cellFrame.text"),
  search: say("cellFrame.traces"),
  metrics: say("cellFrame.chart"),
  table: say("cellFrame.tableOfSpans"),
};

/** A cell with what can be done to it. */
export function CellFrame(props: {
  readonly cell: Cell;
  readonly range: TimeRange;
  /** A larger number asks anew. */
  readonly runs: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly onChange: (cell: Cell) => void;
  readonly onMove: (by: 1 | -1) => void;
  readonly onRemove: () => void;
  readonly onRange: (range: TimeRange) => void;
}) {
  const { cell } = props;
  const label = CELL_LABELS[cell.kind];
  return (
    <section class={`cell cell-${cell.kind}`} aria-label={label}>
      <div class="cell-bar">
        <button
          type="button"
          class="icon-button"
          aria-label={say("cellFrame.up", { label })}
          disabled={props.isFirst}
          onClick={() => props.onMove(-1)}
        >
          <Icon name="up" />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label={say("cellFrame.down", { label })}
          disabled={props.isLast}
          onClick={() => props.onMove(1)}
        >
          <Icon name="down" />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label={say("cellFrame.remove", { label })}
          onClick={props.onRemove}
        >
          <Icon name="close" />
        </button>
      </div>
      {cell.kind === "markdown" ? (
        <MarkdownCell text={cell.text} onText={(text) => props.onChange({ ...cell, text })} />
      ) : (
        <QuestionCell {...props} cell={cell} />
      )}
    </section>
  );
}
