// The bars of the waterfall: own time in full colour, waiting in pale, the critical path as a line
// below, events and exemplars as marks, repeats as the many bars that they are.

import { withAlpha } from "../base/colour.ts";
import { say } from "../base/say.ts";
import { formatDuration } from "../base/time.ts";
import { type TimeScale, toX } from "../base/timescale.ts";
import type { Repeat } from "../model/repeats.ts";
import { selfStretches } from "../model/self-time.ts";
import { durationText } from "../model/trace.ts";
import { type Context, diamond, textWidth } from "./canvas.ts";
import type { Theme } from "./theme.ts";
import { isPale, mayLackAnswer, PAD, ROW_HEIGHT, type WaterfallScene } from "./waterfall-scene.ts";

const BAR_HEIGHT = 12;
/** A span has many events at times; beyond this they are one grey band to the eye anyway. */
const EVENT_MARKS_MAX = 200;

export function drawBar(
  context: Context,
  scene: WaterfallScene,
  scale: TimeScale,
  row: number,
  y: number,
): void {
  const { trace, theme } = scene;
  const index = scene.rows.spans[row];
  const span = trace.spans[index];
  const repeat = scene.rows.repeats.get(row);
  const isError = span.status === "error";
  const start = repeat ? repeat.from : trace.offset[index];
  const from = toX(scale, start);
  const end = repeat ? repeat.to : trace.offset[index] + trace.duration[index];
  const to = Math.max(from + 2, toX(scale, end));
  const edge = scene.width;
  const middle = y + ROW_HEIGHT / 2;
  if (to < scale.left - PAD || from > edge) {
    const length = repeat ? `Σ ${formatDuration(repeat.sumNanos)}` : durationText(trace, index);
    const away = formatDuration(from > edge ? start - scale.to : scale.from - end);
    const isRight = from > edge;
    const note = say(isRight ? "waterfallBars.later" : "waterfallBars.earlier", { length, away });
    drawBeyond(context, scene, isRight ? edge - 6 : scale.left - 6, middle, isRight, note);
    return;
  }
  // Held near the window: a canvas mis-draws rectangles of millions of pixels.
  const left = Math.max(from, scale.left - 100);
  const width = Math.max(2, Math.min(to, edge + 100) - left);
  const top = middle - BAR_HEIGHT / 2;
  const colour = theme.services[scene.colours[trace.service[index]]];
  context.globalAlpha = isPale(scene, row) ? 0.35 : 1;
  if (repeat) {
    drawRepeat(context, scene, scale, row, repeat, top);
    drawPath(context, scene, scale, row, top);
    const note = `Σ ${formatDuration(repeat.sumNanos)}`;
    drawNote(context, scene, note, left, left + width, middle, edge, false);
    context.globalAlpha = 1;
    return;
  }

  // Pale for the whole span, full colour where it worked itself.
  context.fillStyle = withAlpha(colour, theme.name === "dark" ? 0.42 : 0.38);
  context.beginPath();
  context.roundRect(left, top, width, BAR_HEIGHT, 2);
  context.fill();
  context.fillStyle = colour;
  const stretches = selfStretches(trace, index);
  // Of thousands of stretches, those that begin on a pixel that is drawn already add nothing to see.
  let drawnTo = left;
  for (let i = 0; i < stretches.length; i += 2) {
    const a = Math.max(drawnTo, toX(scale, stretches[i]));
    const b = Math.min(left + width, Math.max(a + 0.5, toX(scale, stretches[i + 1])));
    if (b <= drawnTo) continue;
    context.fillRect(a, top, b - a, BAR_HEIGHT);
    drawnTo = b;
    if (drawnTo >= left + width) break;
  }
  if (width <= 2.5) context.fillRect(left, top, width, BAR_HEIGHT);
  if (isError) {
    context.strokeStyle = theme.error;
    context.lineWidth = 1.5;
    context.strokeRect(left - 1, top - 1, width + 2, BAR_HEIGHT + 2);
  }
  const isUnanswered = mayLackAnswer(scene, index);
  if (isUnanswered) drawUnanswered(context, theme, left, top, width);
  drawPath(context, scene, scale, row, top);
  drawEvents(context, scene, scale, index, top);
  drawExemplars(context, scene, scale, index, top);
  const note = durationText(trace, index);
  const told = isUnanswered ? say("waterfallBars.mayBeLost", { duration: note }) : note;
  drawNote(context, scene, told, left, left + width, middle, edge, scene.exemplars.has(index));
  context.globalAlpha = 1;
}

/** A broken line round a call whose answer may be among the lost spans. */
function drawUnanswered(
  context: Context,
  theme: Theme,
  left: number,
  top: number,
  width: number,
): void {
  context.setLineDash([4, 3]);
  context.strokeStyle = theme.error;
  context.lineWidth = 1.5;
  context.strokeRect(left - 2, top - 2.5, width + 4, BAR_HEIGHT + 5);
  context.setLineDash([]);
}

/** Each span of the repeat; those that fall on one pixel are one stroke. */
function drawRepeat(
  context: Context,
  scene: WaterfallScene,
  scale: TimeScale,
  row: number,
  repeat: Repeat,
  top: number,
): void {
  const { trace, theme } = scene;
  const colour = theme.services[scene.colours[trace.service[scene.rows.spans[row]]]];
  const near = (x: number) => Math.max(scale.left - 100, Math.min(scene.width + 100, x));
  const [left, right] = [near(toX(scale, repeat.from)), near(toX(scale, repeat.to))];
  context.fillStyle = withAlpha(colour, 0.16);
  context.fillRect(left, top, Math.max(2, right - left), BAR_HEIGHT);
  const draw = (wanted: boolean) => {
    let drawnTo = Number.NEGATIVE_INFINITY;
    for (const span of repeat.spans) {
      if ((trace.spans[span].status === "error") !== wanted) continue;
      const from = near(toX(scale, trace.offset[span]));
      const to = Math.max(
        from + 1,
        near(toX(scale, trace.offset[span] + trace.duration[span])) - 0.75,
      );
      if (to <= drawnTo + 0.5) continue;
      context.fillRect(Math.max(from, drawnTo), top, to - Math.max(from, drawnTo), BAR_HEIGHT);
      drawnTo = to;
    }
  };
  context.fillStyle = colour;
  draw(false);
  if (repeat.errorCount === 0) return;
  context.fillStyle = theme.error;
  draw(true);
}

/** A dark line below whatever the end was waiting for. */
function drawPath(
  context: Context,
  scene: WaterfallScene,
  scale: TimeScale,
  row: number,
  top: number,
): void {
  const pairs = scene.path.get(row);
  if (!pairs) return;
  context.fillStyle = scene.theme.text;
  const [first, last] = [scale.left - PAD, scene.width];
  let drawnTo = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < pairs.length; i += 2) {
    const from = Math.max(first, toX(scale, pairs[i]));
    const to = Math.min(last, Math.max(from + 1, toX(scale, pairs[i + 1])));
    if (to <= from || to <= drawnTo) continue;
    context.fillRect(
      Math.max(from, drawnTo),
      top + BAR_HEIGHT + 1.5,
      to - Math.max(from, drawnTo),
      2,
    );
    drawnTo = to;
  }
}

/** A small arrow where the bar lies outside of the picture, with its length and how far off it is. */
function drawBeyond(
  context: Context,
  scene: WaterfallScene,
  x: number,
  y: number,
  isRight: boolean,
  note: string,
): void {
  context.fillStyle = scene.theme.textMuted;
  context.font = `11px ${scene.theme.font}`;
  context.fillText(note, isRight ? x - 4 - textWidth(context, note) : x + 8, y);
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

function drawNote(
  context: Context,
  scene: WaterfallScene,
  label: string,
  left: number,
  right: number,
  middle: number,
  edge: number,
  isMarked: boolean,
): void {
  const { theme } = scene;
  context.font = `11px ${theme.font}`;
  context.fillStyle = theme.textMuted;
  const width = textWidth(context, label);
  const gap = isMarked ? 10 : 6;
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
