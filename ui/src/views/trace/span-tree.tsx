import { say } from "../../base/say.ts";
import { formatDuration } from "../../base/time.ts";
import { repeatLabel } from "../../model/insight.ts";
import { hasChildren, type Rows } from "../../model/rows.ts";
import { durationText, type Trace } from "../../model/trace.ts";

/** The rows in sight, unseen, for screen readers: what the canvas beside it shows. */
export function SpanTree(props: {
  readonly trace: Trace;
  readonly rows: Rows;
  readonly first: number;
  readonly last: number;
  readonly selectedRow: number;
  readonly collapsed: ReadonlySet<number>;
  readonly unfolded: ReadonlySet<number>;
}) {
  const { rows } = props;
  const items = [];
  for (let row = props.first; row < Math.min(props.last, rows.length); row++) {
    items.push(
      <div
        key={row}
        id={`row-${row}`}
        role="treeitem"
        tabIndex={-1}
        aria-level={rows.depths[row] + 1}
        aria-setsize={rows.length}
        aria-posinset={row + 1}
        aria-selected={row === props.selectedRow}
        aria-expanded={expanded(props, row)}
      >
        {rowText(props.trace, rows, row)}
      </div>,
    );
  }
  return (
    <div role="none" class="span-tree">
      {items}
    </div>
  );
}

function expanded(
  props: Pick<Parameters<typeof SpanTree>[0], "trace" | "rows" | "collapsed" | "unfolded">,
  row: number,
): boolean | undefined {
  const span = props.rows.spans[row];
  if (props.rows.repeats.has(row)) return props.unfolded.has(span);
  return hasChildren(props.trace, span) ? !props.collapsed.has(span) : undefined;
}

function rowText(trace: Trace, rows: Rows, row: number): string {
  const index = rows.spans[row];
  const span = trace.spans[index];
  const repeat = rows.repeats.get(row);
  if (repeat) {
    const failed =
      repeat.errorCount > 0 ? say("spanTree.failed", { errorCount: repeat.errorCount }) : "";
    return say("spanTree.together", {
      serviceName: span.resource.serviceName,
      repeat: repeatLabel(repeat),
      sumNanos: formatDuration(repeat.sumNanos),
      failed,
    });
  }
  const error = span.status === "error" ? say("spanTree.error") : "";
  return `${span.resource.serviceName}: ${span.name || say("noName")}, ${durationText(trace, index)}${error}`;
}
