// The waterfall: names on the left, bars on the right. Draws the rows that can be seen and nothing
// else, so the work of a frame follows the height of the window and not the size of the trace.

import { withAlpha } from "../base/colour.ts";
import { formatCount } from "../base/number.ts";
import { say } from "../base/say.ts";
import { formatDuration } from "../base/time.ts";
import { type TimeScale, ticks, toX } from "../base/timescale.ts";
import { hasChildren } from "../model/rows.ts";
import { Oddity } from "../model/tree.ts";
import { type Context, fitText, textWidth } from "./canvas.ts";
import type { Theme } from "./theme.ts";
import { drawBar } from "./waterfall-bars.ts";
import {
  barScale,
  INDENT_DEPTH_MAX,
  indentOf,
  isPale,
  ROW_HEIGHT,
  RULER_HEIGHT,
  rowsInSight,
  type WaterfallScene,
} from "./waterfall-scene.ts";

export function drawWaterfall(context: Context, scene: WaterfallScene): void {
  const { theme, width, height, namesWidth } = scene;
  const scale = barScale(scene.view, width, namesWidth);
  context.textBaseline = "middle";
  context.fillStyle = theme.ground;
  context.fillRect(0, 0, width, height);

  drawGrid(context, scene, scale);
  drawLost(context, scene, scale);
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

  drawLostNames(context, scene, scale);
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
  context.fillText(say("waterfall.serviceAndOperation"), 12, RULER_HEIGHT / 2);
  for (const { time, label } of ticks(scale, scene.zeroNanos)) {
    const x = Math.round(toX(scale, time));
    context.fillStyle = theme.line;
    context.fillRect(x, RULER_HEIGHT - 6, 1, height);
    context.fillStyle = theme.textMuted;
    if (x + textWidth(context, label) + 4 < width) context.fillText(label, x + 4, RULER_HEIGHT / 2);
  }
  context.fillStyle = theme.line;
  context.fillRect(0, RULER_HEIGHT - 1, width, 1);
  context.fillStyle = theme.raised;
  context.fillRect(namesWidth - 1, RULER_HEIGHT, 1, 0);
}

/** Where targets lost spans, this trace may have had more than is shown. */
function drawLost(context: Context, scene: WaterfallScene, scale: TimeScale): void {
  const { theme, height, width, namesWidth } = scene;
  for (const { from, to } of scene.lost) {
    const left = Math.max(namesWidth + 1, toX(scale, from));
    const right = Math.min(width, Math.max(left + 3, toX(scale, to)));
    if (right <= namesWidth || left >= width) continue;
    context.fillStyle = withAlpha(theme.error, 0.05);
    context.fillRect(left, RULER_HEIGHT, right - left, height);
    context.fillStyle = withAlpha(theme.error, 0.75);
    for (let x = left; x < right; x += 6) {
      context.fillRect(x, RULER_HEIGHT - 4, Math.min(3, right - x), 3);
    }
  }
}

/** Who lost them, at the foot of the stretch; over the rows, because it is said whatever is scrolled to. */
function drawLostNames(context: Context, scene: WaterfallScene, scale: TimeScale): void {
  const { theme, height, width, namesWidth } = scene;
  context.font = `600 11px ${theme.font}`;
  let bottom = height - 10;
  for (const { from, to, label } of scene.lost) {
    const left = toX(scale, from);
    if (toX(scale, to) <= namesWidth || left >= width) continue;
    const length = textWidth(context, label) + 12;
    const x = Math.max(namesWidth + 4, Math.min(left, width - length - 4));
    context.fillStyle = theme.ground;
    context.fillRect(x, bottom - 9, length, 18);
    context.strokeStyle = withAlpha(theme.error, 0.75);
    context.lineWidth = 1;
    context.strokeRect(x + 0.5, bottom - 8.5, length - 1, 17);
    context.fillStyle = theme.error;
    context.fillText(label, x + 6, bottom);
    bottom -= 22;
    if (bottom < RULER_HEIGHT + 40) return;
  }
}

function drawGround(context: Context, scene: WaterfallScene, row: number, y: number): void {
  const span = scene.rows.spans[row];
  const { theme, width } = scene;
  if (row === scene.selectedRow) context.fillStyle = withAlpha(theme.accent, 0.16);
  else if (scene.matches.has(span)) context.fillStyle = withAlpha(theme.exemplar, 0.16);
  else if (row === scene.hoveredRow) context.fillStyle = withAlpha(theme.accent, 0.07);
  else return;
  context.fillRect(0, y, width, ROW_HEIGHT);
  if (row === scene.selectedRow) {
    context.fillStyle = theme.accent;
    context.fillRect(0, y, 3, ROW_HEIGHT);
  }
}

function drawName(context: Context, scene: WaterfallScene, row: number, y: number): void {
  const { trace, theme, namesWidth, rows } = scene;
  const index = rows.spans[row];
  const repeat = rows.repeats.get(row);
  const depth = rows.depths[row];
  const middle = y + ROW_HEIGHT / 2;
  const left = indentOf(depth);

  context.fillStyle = theme.line;
  for (let level = 1; level <= Math.min(depth, INDENT_DEPTH_MAX); level++) {
    context.fillRect(indentOf(level - 1) + 5, y, 1, ROW_HEIGHT);
  }
  context.globalAlpha = isPale(scene, row) ? 0.45 : 1;
  if (repeat) drawCaret(context, theme, left + 5, middle, !scene.unfolded.has(index));
  else if (hasChildren(trace, index)) {
    drawCaret(context, theme, left + 5, middle, scene.collapsed.has(index));
  }
  drawColour(context, scene, row, left, y);
  let x = left + 22;
  const right = namesWidth - 8;
  const put = (text: string, colour: string, weight: string) => {
    if (right - x < 10) return;
    context.font = `${weight}12px ${theme.font}`;
    context.fillStyle = colour;
    const shown = fitText(context, text, right - x);
    context.fillText(shown, x, middle);
    x += textWidth(context, shown) + 6;
  };

  // The indent has stopped; the level goes on.
  if (depth > INDENT_DEPTH_MAX) put(String(depth), theme.textMuted, "italic ");
  if (!repeat && (trace.oddities[index] & Oddity.ParentMissing) !== 0) {
    put(say("waterfall.parentMissing"), theme.warn, "");
  }
  // The service is named where it changes; below itself its colour says enough.
  const parent = trace.parent[index];
  const isNew = parent < 0 || trace.service[parent] !== trace.service[index] || depth === 0;
  if (repeat) put(`${formatCount(repeat.spans.length)} ×`, theme.text, "700 ");
  if (isNew) put(trace.spans[index].resource.serviceName, theme.text, "600 ");
  const isError = repeat ? repeat.errorCount > 0 : trace.spans[index].status === "error";
  const name = (repeat ? repeat.name : trace.spans[index].name) || say("noName");
  put(name, isError ? theme.error : theme.textMuted, "");
  if (repeat && repeat.errorCount > 0)
    put(say("waterfall.failed", { errorCount: repeat.errorCount }), theme.error, "600 ");
  if (!repeat && scene.collapsed.has(index)) {
    put(`+${formatCount(trace.subtreeSize[index] - 1)}`, theme.textMuted, "600 ");
  }
  const leftOut = repeat ? undefined : rows.leftOut.get(row);
  if (leftOut !== undefined)
    put(say("waterfall.shortHidden", { leftOut }), theme.textMuted, "italic ");
  context.globalAlpha = 1;
}

/** The service's colour before the name; a repeat has it in steps. */
function drawColour(
  context: Context,
  scene: WaterfallScene,
  row: number,
  left: number,
  y: number,
): void {
  const index = scene.rows.spans[row];
  context.fillStyle = scene.theme.services[scene.colours[scene.trace.service[index]]];
  if (!scene.rows.repeats.has(row)) {
    context.fillRect(left + 14, y + 5, 3, ROW_HEIGHT - 10);
    return;
  }
  for (let step = 0; step < 3; step++) context.fillRect(left + 14, y + 5 + step * 5, 3, 3.5);
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
