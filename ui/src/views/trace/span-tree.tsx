import { formatDuration } from "../../base/time.ts";
import { hasChildren } from "../../model/rows.ts";
import type { Trace } from "../../model/trace.ts";

/** The rows in sight, unseen, for screen readers: what the canvas beside it shows. */
export function SpanTree(props: {
  readonly trace: Trace;
  readonly rows: Int32Array;
  readonly first: number;
  readonly last: number;
  readonly selected: number;
  readonly collapsed: ReadonlySet<number>;
}) {
  const { trace, rows } = props;
  const items = [];
  for (let row = props.first; row < Math.min(props.last, rows.length); row++) {
    const index = rows[row];
    const span = trace.spans[index];
    const error = span.status === "error" ? ", error" : "";
    items.push(
      <div
        key={index}
        id={`span-${index}`}
        role="treeitem"
        tabIndex={-1}
        aria-level={trace.depth[index] + 1}
        aria-setsize={rows.length}
        aria-posinset={row + 1}
        aria-selected={index === props.selected}
        aria-expanded={hasChildren(trace, index) ? !props.collapsed.has(index) : undefined}
      >
        {`${span.resource.serviceName}: ${span.name || "(no name)"}, ${formatDuration(trace.duration[index])}${error}`}
      </div>,
    );
  }
  return (
    <div role="none" class="span-tree">
      {items}
    </div>
  );
}
