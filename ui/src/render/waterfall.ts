// The waterfall: names on the left, bars on the right. Draws the rows that can be seen and nothing
// else, so the work of a frame follows the height of the window and not the size of the trace.

import { withAlpha } from "../base/colour.ts";
import { formatDuration } from "../base/time.ts";
import { type TimeScale, type TimeSpan, ticks, timeScale, toX } from "../base/timescale.ts";
import type { PlacedExemplar } from "../model/exemplars.ts";
import { hasChildren } from "../model/rows.ts";
import { selfStretches } from "../model/self-time.ts";
import type { Trace } from "../model/trace.ts";
import { Oddity } from "../model/tree.ts";
import { type Context, diamond, fitText, textWidth } from "./canvas.ts";
import type { Theme } from "./theme.ts";

export const ROW_HEIGHT = 24;
export const RULER_HEIGHT = 26;
const BAR_HEIGHT = 12;
const INDENT = 14;
/** Deeper spans keep this indent; else a chain of a thousand would push its names out of sight. */
const INDENT_DEPTH_MAX = 14;
const PAD = 12;
/** A span has many events at times; beyond this they are one grey band to the eye anyway. */
const EVENT_MARKS_MAX = 200;
/** Own-time stretches of one bar beyond this are not told apart at any zoom that shows them all. */
const STRETCHES_MAX = 2000;

export interface WaterfallScene {
  readonly trace: Trace;
  readonly rows: Int32Array;
  readonly view: TimeSpan;
  readonly collapsed: ReadonlySet<number>;
  /** Span indices, −1 for none. */
  readonly selected: number;
  readonly hovered: number;
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
  return timeScale(view, namesWidth + PAD, width - namesWidth - 2 * PAD);
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

export function drawWaterfall(context: Context, scene: WaterfallScene): void {
  const { theme, width, height, namesWidth } = scene;
  const scale = barScale(scene.view, width, namesWidth);
  context.textBaseline = "middle";
  context.fillStyle = theme.ground;
  context.fillRect(0, 0, width, height);

  drawGrid(context, scene, scale);
  const [first, last] = rowsInSight(scene);
  context.save();
  context.beginPath();
  context.rect(0, RULER_HEIGHT, width, height - RULER_HEIGHT);
  context.clip();
  for (let row = first; row < last; row++) {
    const y = RULER_HEIGHT + row * ROW_HEIGHT - scene.scrollTop;
    drawGround(context, scene, row, y);
    drawName(context, scene, row, y);
  }
  context.beginPath();
  context.rect(namesWidth, RULER_HEIGHT, width - namesWidth, height - RULER_HEIGHT);
  context.clip();
  for (let row = first; row < last; row++) {
    const y = RULER_HEIGHT + row * ROW_HEIGHT - scene.scrollTop;
    drawBar(context, scene, scale, row, y);
  }
  context.restore();

  context.fillStyle = theme.lineStrong;
  context.fillRect(namesWidth, 0, 1, height);
  if (scene.drag) drawDrag(context, scene, scale);
}

function drawGrid(context: Context, scene: WaterfallScene, scale: TimeScale): void {
  const { theme, width, height, namesWidth } = scene;
  context.fillStyle = theme.raised;
  context.fillRect(0, 0, width, RULER_HEIGHT);
  context.font = `11px ${theme.font}`;
  context.fillStyle = theme.textMuted;
  context.textAlign = "left";
  context.fillText("Service and operation", 12, RULER_HEIGHT / 2);
  for (const time of ticks(scale)) {
    const x = Math.round(toX(scale, time));
    context.fillStyle = theme.line;
    context.fillRect(x, RULER_HEIGHT - 6, 1, height);
    context.fillStyle = theme.textMuted;
    const label = time === 0 ? "0" : formatDuration(time);
    if (x + textWidth(context, label) + 4 < width) context.fillText(label, x + 4, RULER_HEIGHT / 2);
  }
  context.fillStyle = theme.line;
  context.fillRect(0, RULER_HEIGHT - 1, width, 1);
  context.fillStyle = theme.raised;
  context.fillRect(namesWidth - 1, RULER_HEIGHT, 1, 0);
}

function drawGround(context: Context, scene: WaterfallScene, row: number, y: number): void {
  const span = scene.rows[row];
  const { theme, width } = scene;
  if (span === scene.selected) context.fillStyle = withAlpha(theme.accent, 0.16);
  else if (scene.matches.has(span)) context.fillStyle = withAlpha(theme.exemplar, 0.16);
  else if (span === scene.hovered) context.fillStyle = withAlpha(theme.accent, 0.07);
  else return;
  context.fillRect(0, y, width, ROW_HEIGHT);
  if (span === scene.selected) {
    context.fillStyle = theme.accent;
    context.fillRect(0, y, 3, ROW_HEIGHT);
  }
}

function drawName(context: Context, scene: WaterfallScene, row: number, y: number): void {
  const { trace, theme, namesWidth } = scene;
  const index = scene.rows[row];
  const span = trace.spans[index];
  const depth = trace.depth[index];
  const middle = y + ROW_HEIGHT / 2;
  const left = indentOf(depth);

  context.fillStyle = theme.line;
  for (let level = 1; level <= Math.min(depth, INDENT_DEPTH_MAX); level++) {
    context.fillRect(indentOf(level - 1) + 5, y, 1, ROW_HEIGHT);
  }
  context.globalAlpha = scene.isFinding && !scene.matches.has(index) ? 0.45 : 1;
  if (hasChildren(trace, index)) {
    drawCaret(context, theme, left + 5, middle, scene.collapsed.has(index));
  }

  const colour = theme.services[scene.colours[trace.service[index]]];
  context.fillStyle = colour;
  context.fillRect(left + 14, y + 5, 3, ROW_HEIGHT - 10);
  let x = left + 22;
  const right = namesWidth - 8;

  // The service is named where it changes; below itself its colour says enough.
  const parent = trace.parent[index];
  if (parent < 0 || trace.service[parent] !== trace.service[index]) {
    context.font = `600 12px ${theme.font}`;
    context.fillStyle = theme.text;
    const name = fitText(context, span.resource.serviceName, Math.max(0, right - x));
    context.fillText(name, x, middle);
    x += textWidth(context, name) + 6;
  }
  context.font = `12px ${theme.font}`;
  context.fillStyle = span.status === "error" ? theme.error : theme.textMuted;
  let label = span.name || "(no name)";
  if (scene.collapsed.has(index)) label += `  +${trace.subtreeSize[index] - 1}`;
  if (right - x > 10) context.fillText(fitText(context, label, right - x), x, middle);
  context.globalAlpha = 1;
}

function drawCaret(context: Context, theme: Theme, x: number, y: number, isClosed: boolean): void {
  context.strokeStyle = theme.textMuted;
  context.lineWidth = 1.5;
  context.beginPath();
  if (isClosed) {
    context.moveTo(x - 2, y - 4);
    context.lineTo(x + 2, y);
    context.lineTo(x - 2, y + 4);
  } else {
    context.moveTo(x - 4, y - 2);
    context.lineTo(x, y + 2);
    context.lineTo(x + 4, y - 2);
  }
  context.stroke();
}

function drawBar(
  context: Context,
  scene: WaterfallScene,
  scale: TimeScale,
  row: number,
  y: number,
): void {
  const { trace, theme } = scene;
  const index = scene.rows[row];
  const span = trace.spans[index];
  const isError = span.status === "error";
  const from = toX(scale, trace.offset[index]);
  const to = Math.max(from + 2, toX(scale, trace.offset[index] + trace.duration[index]));
  const edge = scale.left + scale.width + PAD;
  const middle = y + ROW_HEIGHT / 2;
  if (to < scale.left - PAD || from > edge) {
    drawBeyond(context, scene, from > edge ? edge - 6 : scale.left - 6, middle, from > edge);
    return;
  }
  // Held near the window: a canvas mis-draws rectangles of millions of pixels.
  const left = Math.max(from, scale.left - 100);
  const width = Math.max(2, Math.min(to, edge + 100) - left);
  const top = middle - BAR_HEIGHT / 2;
  const colour = theme.services[scene.colours[trace.service[index]]];
  context.globalAlpha = scene.isFinding && !scene.matches.has(index) ? 0.35 : 1;

  // Pale for the whole span, full colour where it worked itself.
  context.fillStyle = withAlpha(colour, theme.name === "dark" ? 0.42 : 0.38);
  context.beginPath();
  context.roundRect(left, top, width, BAR_HEIGHT, 2);
  context.fill();
  context.fillStyle = colour;
  const stretches = selfStretches(trace, index);
  for (let i = 0; i < Math.min(stretches.length, STRETCHES_MAX); i += 2) {
    const a = Math.max(left, toX(scale, stretches[i]));
    const b = Math.min(left + width, Math.max(a + 0.5, toX(scale, stretches[i + 1])));
    if (b > a) context.fillRect(a, top, b - a, BAR_HEIGHT);
  }
  if (width <= 2.5) context.fillRect(left, top, width, BAR_HEIGHT);
  if (isError) {
    context.strokeStyle = theme.error;
    context.lineWidth = 1.5;
    context.strokeRect(left - 1, top - 1, width + 2, BAR_HEIGHT + 2);
  }
  drawEvents(context, scene, scale, index, top);
  drawExemplars(context, scene, scale, index, top);
  drawLength(context, scene, index, left, left + width, middle, edge);
  context.globalAlpha = 1;
}

/** A small arrow where the bar lies outside of the picture. */
function drawBeyond(
  context: Context,
  scene: WaterfallScene,
  x: number,
  y: number,
  isRight: boolean,
): void {
  context.fillStyle = scene.theme.textMuted;
  const tip = isRight ? 4 : -4;
  context.beginPath();
  context.moveTo(x, y - 4);
  context.lineTo(x + tip, y);
  context.lineTo(x, y + 4);
  context.closePath();
  context.fill();
}

function drawEvents(
  context: Context,
  scene: WaterfallScene,
  scale: TimeScale,
  index: number,
  top: number,
): void {
  const { trace, theme } = scene;
  const events = trace.spans[index].events;
  for (let i = 0; i < Math.min(events.length, EVENT_MARKS_MAX); i++) {
    const x = Math.round(toX(scale, Number(events[i].time - trace.start)));
    context.fillStyle = theme.ground;
    context.fillRect(x - 1, top - 2, 3, BAR_HEIGHT + 4);
    context.fillStyle = events[i].name === "exception" ? theme.error : theme.text;
    context.fillRect(x, top - 2, 1, BAR_HEIGHT + 4);
  }
}

function drawExemplars(
  context: Context,
  scene: WaterfallScene,
  scale: TimeScale,
  index: number,
  top: number,
): void {
  const { trace, theme } = scene;
  for (const placed of scene.exemplars.get(index) ?? []) {
    // An exemplar is stamped when its metric is observed, often just after the span's end.
    const end = trace.offset[index] + trace.duration[index];
    const time = Math.min(end, Math.max(trace.offset[index], placed.offset));
    diamond(context, toX(scale, time), top + BAR_HEIGHT / 2, 6);
    context.fillStyle = theme.exemplar;
    context.fill();
    context.strokeStyle = theme.ground;
    context.lineWidth = 1.5;
    context.stroke();
  }
}

function drawLength(
  context: Context,
  scene: WaterfallScene,
  index: number,
  left: number,
  right: number,
  middle: number,
  edge: number,
): void {
  const { trace, theme } = scene;
  const isOdd = (trace.oddities[index] & (Oddity.EndsBeforeStart | Oddity.OutOfRange)) !== 0;
  const label = isOdd ? "odd times" : formatDuration(trace.duration[index]);
  context.font = `11px ${theme.font}`;
  context.fillStyle = theme.textMuted;
  const width = textWidth(context, label);
  const gap = scene.exemplars.has(index) ? 10 : 6;
  if (right + gap + width < edge) context.fillText(label, right + gap, middle);
  else if (left - gap - width > scene.namesWidth)
    context.fillText(label, left - gap - width, middle);
  else {
    // No room beside the bar: on it, on a ground of its own so that it can be read on any colour.
    const x = edge - PAD - width - 10;
    context.fillStyle = theme.ground;
    context.fillRect(x - 4, middle - 7, width + 8, 14);
    context.fillStyle = theme.text;
    context.fillText(label, x, middle);
  }
}

function drawDrag(context: Context, scene: WaterfallScene, scale: TimeScale): void {
  if (!scene.drag) return;
  const { theme, height } = scene;
  const from = Math.min(scene.drag.from, scene.drag.to);
  const length = Math.abs(scene.drag.to - scene.drag.from);
  context.fillStyle = withAlpha(theme.accent, 0.18);
  context.fillRect(from, 0, length, height);
  context.fillStyle = theme.accent;
  context.fillRect(from, 0, 1, height);
  context.fillRect(from + length, 0, 1, height);
  const nanos = (length / scale.width) * (scale.to - scale.from);
  context.font = `600 11px ${theme.font}`;
  context.fillText(formatDuration(nanos), from + 6, RULER_HEIGHT + 12);
}
