// Service lanes over the same times as the waterfall.

import { withAlpha } from "../base/colour.ts";
import { formatCount } from "../base/number.ts";
import { say } from "../base/say.ts";
import { formatDuration } from "../base/time.ts";
import { type TimeScale, type TimeSpan, ticks, timeScale, toTime, toX } from "../base/timescale.ts";
import type { Lane } from "../model/lanes.ts";
import type { Trace } from "../model/trace.ts";
import { type Context, fitText, textWidth } from "./canvas.ts";
import type { Theme } from "./theme.ts";

export const LANE_LINE = 16;
/** A narrower bar has no room for a word. */
const LABEL_MIN_PIXELS = 34;
const LANE_PAD = 6;
const LANE_MIN = 34;
export const LANES_RULER = 26;
const NAMES = 190;
const PAD = 12;

export interface LanesScene {
  readonly trace: Trace;
  readonly lanes: readonly Lane[];
  readonly view: TimeSpan;
  /** Where the ruler counts from. */
  readonly zeroNanos: number;
  readonly selected: number;
  readonly hovered: number;
  readonly matches: ReadonlySet<number> | null;
  readonly colours: readonly number[];
  readonly theme: Theme;
  readonly width: number;
  readonly height: number;
  readonly scrollTop: number;
}

export function laneHeight(lane: Lane): number {
  return Math.max(LANE_MIN, lane.lineCount * LANE_LINE + 2 * LANE_PAD);
}

export function lanesHeight(lanes: readonly Lane[]): number {
  return LANES_RULER + lanes.reduce((sum, lane) => sum + laneHeight(lane), 0);
}

export function lanesScale(scene: LanesScene): TimeScale {
  return timeScale(scene.view, NAMES + PAD, scene.width - NAMES - 2 * PAD);
}

export function laneSpanAt(scene: LanesScene, x: number, y: number): number {
  if (x < NAMES || y < LANES_RULER) return -1;
  const scale = lanesScale(scene);
  const slack = (scale.to - scale.from) * (2 / scale.width);
  const time = toTime(scale, x);
  let top = LANES_RULER - scene.scrollTop;
  for (const lane of scene.lanes) {
    const bottom = top + laneHeight(lane);
    if (y >= top && y < bottom) {
      const line = Math.floor((y - top - LANE_PAD) / LANE_LINE);
      for (let i = lane.spans.length - 1; i >= 0; i--) {
        const span = lane.spans[i];
        const from = scene.trace.offset[span];
        if (lane.lines[i] === line && time >= from - slack) {
          if (time <= from + scene.trace.duration[span] + slack) return span;
        }
      }
      return -1;
    }
    top = bottom;
  }
  return -1;
}

export function drawLanes(context: Context, scene: LanesScene): void {
  const { theme, width, height } = scene;
  const scale = lanesScale(scene);
  context.fillStyle = theme.ground;
  context.fillRect(0, 0, width, height);
  context.textBaseline = "middle";
  context.textAlign = "left";
  let top = LANES_RULER - scene.scrollTop;
  for (const lane of scene.lanes) {
    const bottom = top + laneHeight(lane);
    if (bottom > 0 && top < height) drawLane(context, scene, scale, lane, top, bottom);
    top = bottom;
  }
  drawRuler(context, scene, scale);
}

function drawRuler(context: Context, scene: LanesScene, scale: TimeScale): void {
  const { theme, width, height } = scene;
  context.fillStyle = theme.raised;
  context.fillRect(0, 0, width, LANES_RULER);
  context.font = `11px ${theme.font}`;
  for (const { time, label } of ticks(scale, scene.zeroNanos)) {
    const x = Math.round(toX(scale, time));
    context.fillStyle = theme.line;
    context.fillRect(x, LANES_RULER - 6, 1, 6);
    context.fillStyle = theme.textMuted;
    if (x + textWidth(context, label) + 4 < width) {
      context.fillText(label, x + 4, LANES_RULER / 2);
    }
  }
  context.fillStyle = theme.line;
  context.fillRect(0, LANES_RULER - 1, width, 1);
  context.fillStyle = theme.lineStrong;
  context.fillRect(NAMES, 0, 1, height);
}

function drawLane(
  context: Context,
  scene: LanesScene,
  scale: TimeScale,
  lane: Lane,
  top: number,
  bottom: number,
): void {
  const { theme, trace, width } = scene;
  const colour = theme.services[scene.colours[lane.service]];
  context.fillStyle = theme.line;
  context.fillRect(0, bottom - 1, width, 1);
  context.fillStyle = colour;
  context.fillRect(10, top + 9, 9, 9);
  context.font = `600 12px ${theme.font}`;
  context.fillStyle = theme.text;
  context.fillText(fitText(context, lane.name, NAMES - 34), 26, top + 14);
  if (bottom - top >= LANE_MIN) {
    context.font = `11px ${theme.font}`;
    context.fillStyle = lane.errorCount > 0 ? theme.error : theme.textMuted;
    const errors =
      lane.errorCount > 0 ? ` ${say("lanes.failed", { errorCount: lane.errorCount })}` : "";
    const note = say("lanes.busy", {
      length: formatCount(lane.spans.length),
      busyNanos: formatDuration(lane.busyNanos),
      errors,
    });
    context.fillText(fitText(context, note, NAMES - 34), 26, top + 27);
  }
  const drawnTo = new Float64Array(lane.lineCount).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < lane.spans.length; i++) {
    const span = lane.spans[i];
    const from = toX(scale, trace.offset[span]);
    const to = toX(scale, trace.offset[span] + trace.duration[span]);
    if (to < NAMES || from > width) continue;
    const left = Math.max(NAMES + 2, from);
    const right = Math.min(width, Math.max(left + 1.5, to - 0.5));
    // What falls on a pixel that is drawn already would only cost time.
    const isMarked = span === scene.selected || span === scene.hovered;
    if (right <= drawnTo[lane.lines[i]] && !isMarked) continue;
    drawnTo[lane.lines[i]] = right;
    const y = top + LANE_PAD + lane.lines[i] * LANE_LINE;
    const isError = trace.spans[span].status === "error";
    context.globalAlpha = scene.matches !== null && !scene.matches.has(span) ? 0.25 : 1;
    // Pale below the words, with a line of the full colour, as in the flame graph.
    context.fillStyle = withAlpha(
      isError ? theme.error : colour,
      theme.name === "dark" ? 0.36 : 0.28,
    );
    context.fillRect(left, y, right - left, LANE_LINE - 2);
    context.fillStyle = isError ? theme.error : colour;
    context.fillRect(left, y + LANE_LINE - 4, right - left, 2);
    if (right - left > LABEL_MIN_PIXELS) {
      context.font = `10px ${theme.font}`;
      context.fillStyle = theme.text;
      const name = trace.spans[span].name || say("noName");
      context.fillText(fitText(context, name, right - left - 8), left + 4, y + LANE_LINE / 2 - 2);
    }
    if (isMarked) {
      context.strokeStyle = theme.text;
      context.lineWidth = 1.5;
      context.strokeRect(left - 1, y - 1, right - left + 2, LANE_LINE);
    }
    context.globalAlpha = 1;
  }
}
