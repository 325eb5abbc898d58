// The flame graph: spans with the same path of services and operations are one box, whose width is
// the time spent in it. Width is own time plus that of the boxes below, so that children which ran at
// the same time never stick out over their parent.

import { nameShape } from "./repeats.ts";
import { selfNanos } from "./self-time.ts";
import type { Trace } from "./trace.ts";

export interface FlameBox {
  readonly service: number;
  readonly name: string;
  readonly depth: number;
  /** Index of the box above; −1 at the top. */
  readonly parent: number;
  /** Nanoseconds from the left edge, and of width. */
  readonly left: number;
  readonly width: number;
  readonly selfNanos: number;
  readonly spanCount: number;
  readonly errorCount: number;
  /** The longest of its spans. */
  readonly span: number;
}

export interface Flame {
  readonly boxes: readonly FlameBox[];
  readonly width: number;
  readonly depthMax: number;
}

type Draft = { -readonly [K in keyof FlameBox]: FlameBox[K] } & { children: Map<string, number> };

export function buildFlame(trace: Trace, root: number): Flame {
  const boxes: Draft[] = [];
  const top = new Map<string, number>();
  const boxFor = (span: number, parent: number): number => {
    const siblings = parent < 0 ? top : boxes[parent].children;
    const name = nameShape(trace.spans[span].name);
    const key = `${trace.service[span]} ${name}`;
    let at = siblings.get(key);
    if (at === undefined) {
      at = boxes.length;
      siblings.set(key, at);
      boxes.push({
        service: trace.service[span],
        name: trace.spans[span].name,
        depth: parent < 0 ? 0 : boxes[parent].depth + 1,
        parent,
        left: 0,
        width: 0,
        selfNanos: 0,
        spanCount: 0,
        errorCount: 0,
        span,
        children: new Map(),
      });
    }
    return at;
  };

  const boxOf = new Int32Array(trace.spans.length).fill(-1);
  const first = root >= 0 ? root : 0;
  const end = root >= 0 ? root + trace.subtreeSize[root] : trace.spans.length;
  for (let span = first; span < end; span++) {
    const parent = span === root ? -1 : trace.parent[span];
    const at = boxFor(span, parent < 0 ? -1 : boxOf[parent]);
    boxOf[span] = at;
    const box = boxes[at];
    box.selfNanos += selfNanos(trace, span);
    box.spanCount += 1;
    if (box.name !== trace.spans[span].name) box.name = nameShape(box.name);
    if (trace.spans[span].status === "error") box.errorCount += 1;
    if (trace.duration[span] > trace.duration[box.span]) box.span = span;
  }
  for (let at = boxes.length - 1; at >= 0; at--) {
    boxes[at].width += boxes[at].selfNanos;
    if (boxes[at].parent >= 0) boxes[boxes[at].parent].width += boxes[at].width;
  }
  const width = layOut(boxes, top);
  const depthMax = boxes.reduce((max, box) => Math.max(max, box.depth + 1), 0);
  return { boxes, width, depthMax };
}

/** Widest first from the left, as eyes look for the large. */
function layOut(boxes: readonly Draft[], top: ReadonlyMap<string, number>): number {
  const byWidth = (children: ReadonlyMap<string, number>) =>
    [...children.values()].sort((a, b) => boxes[b].width - boxes[a].width || a - b);
  let right = 0;
  const place = (list: readonly number[], from: number) => {
    let at = from;
    for (const child of list) {
      boxes[child].left = at;
      at += boxes[child].width;
    }
    return at;
  };
  right = place(byWidth(top), 0);
  // A parent stands before its children in the list.
  for (const box of boxes) place(byWidth(box.children), box.left);
  return right;
}
