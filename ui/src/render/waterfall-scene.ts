// What the waterfall is drawn from, and where its rows and times lie.

import { type TimeScale, type TimeSpan, timeScale } from "../base/timescale.ts";
import type { PlacedExemplar } from "../model/exemplars.ts";
import type { Loss } from "../model/losses.ts";
import type { Rows } from "../model/rows.ts";
import type { Trace } from "../model/trace.ts";
import type { Theme } from "./theme.ts";

export const ROW_HEIGHT = 24;
export const RULER_HEIGHT = 26;
const INDENT = 14;
/** Deeper spans keep this indent; else a chain of a thousand would push its names out of sight. */
export const INDENT_DEPTH_MAX = 14;
export const PAD = 12;
/** Room behind the last moment, so that the longest bar has its duration beside it too. */
const NOTE_ROOM = 64;

export interface WaterfallScene {
  readonly trace: Trace;
  readonly rows: Rows;
  /** By row: the parts of the critical path that lie in it, as pairs of from and to. */
  readonly path: ReadonlyMap<number, readonly number[]>;
  readonly lost: readonly Loss[];
  readonly view: TimeSpan;
  /** Where the ruler counts from. */
  readonly zeroNanos: number;
  readonly collapsed: ReadonlySet<number>;
  /** Opened repeats, by their first span. */
  readonly unfolded: ReadonlySet<number>;
  /** Span index, −1 for none. */
  readonly selected: number;
  /** Rows, −1 for none. */
  readonly selectedRow: number;
  readonly hoveredRow: number;
  readonly matches: ReadonlySet<number>;
  readonly isFinding: boolean;
  readonly exemplars: ReadonlyMap<number, readonly PlacedExemplar[]>;
  /** Palette place of each of the trace's services. */
  readonly colours: readonly number[];
  readonly theme: Theme;
  readonly width: number;
  readonly height: number;
  readonly namesWidth: number;
  readonly scrollTop: number;
  /** A stretch that is being dragged over, in pixels. */
  readonly drag: { readonly from: number; readonly to: number } | null;
}

export function barScale(view: TimeSpan, width: number, namesWidth: number): TimeScale {
  return timeScale(view, namesWidth + PAD, width - namesWidth - PAD - NOTE_ROOM);
}

export function rowAt(y: number, scrollTop: number, rowCount: number): number {
  const row = Math.floor((y - RULER_HEIGHT + scrollTop) / ROW_HEIGHT);
  return y >= RULER_HEIGHT && row < rowCount ? row : -1;
}

/** First and one past the last row that can be seen. */
export function rowsInSight(scene: WaterfallScene): readonly [number, number] {
  const first = Math.max(0, Math.floor(scene.scrollTop / ROW_HEIGHT));
  const room = scene.height - RULER_HEIGHT;
  const last = Math.ceil((scene.scrollTop + room) / ROW_HEIGHT);
  return [first, Math.min(scene.rows.length, last)];
}

export function indentOf(depth: number): number {
  return 8 + Math.min(depth, INDENT_DEPTH_MAX) * INDENT;
}

/** Pale while a find is on and the row holds no match. */
export function isPale(scene: WaterfallScene, row: number): boolean {
  if (!scene.isFinding) return false;
  const repeat = scene.rows.repeats.get(row);
  if (repeat) return !repeat.spans.some((span) => scene.matches.has(span));
  return !scene.matches.has(scene.rows.spans[row]);
}

/** Whether what a span called may be among the spans that its target lost. */
export function mayLackAnswer(scene: WaterfallScene, span: number): boolean {
  return scene.lost.some(({ calls }) => calls.includes(span));
}
