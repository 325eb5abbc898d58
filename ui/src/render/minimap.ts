// The whole trace in a strip: every span as a line in its service's colour, errors below.

import { withAlpha } from "../base/colour.ts";
import { type TimeSpan, timeScale, toX } from "../base/timescale.ts";
import type { Trace } from "../model/trace.ts";
import type { Context } from "./canvas.ts";
import type { Theme } from "./theme.ts";

const ERROR_STRIP = 4;

export interface MinimapScene {
  readonly trace: Trace;
  readonly colours: readonly number[];
  readonly theme: Theme;
  readonly width: number;
  readonly height: number;
}

/** The spans. Costs as much as the trace is large: draw it once and keep the picture. */
export function drawMinimap(context: Context, scene: MinimapScene): void {
  const { trace, theme, width, height } = scene;
  const count = trace.spans.length;
  const scale = timeScale({ from: 0, to: Math.max(1, trace.durationNanos) }, 0, width);
  const room = height - ERROR_STRIP - 3;
  // A small trace has a line for each span. A large one has a lane for each depth, so that the
  // strip shows where the work is dense instead of one thin diagonal.
  const isLarge = count > room * 2;
  const lanes = Math.max(1, isLarge ? trace.depthMax : count);
  const line = isLarge ? Math.max(1, room / lanes) : Math.min(6, Math.max(1, room / lanes - 0.5));
  context.globalAlpha = isLarge ? 0.75 : 0.9;
  // By lane and pixel: how often it was drawn over. More than some layers of one colour look like one.
  const columns = Math.ceil(width) + 1;
  const layers = new Uint8Array(isLarge ? lanes * columns : 0);
  for (let i = 0; i < count; i++) {
    const x = toX(scale, trace.offset[i]);
    const length = Math.max(1, (trace.duration[i] / Math.max(1, trace.durationNanos)) * width);
    const lane = isLarge ? trace.depth[i] : i;
    if (isLarge && !isSeen(layers, lane * columns, Math.floor(x), Math.floor(x + length))) continue;
    context.fillStyle = theme.services[scene.colours[trace.service[i]]];
    context.fillRect(x, 2 + (lane / lanes) * room, length, line);
  }
  context.globalAlpha = 1;
  context.fillStyle = theme.error;
  for (let i = 0; i < count; i++) {
    if (trace.spans[i].status !== "error") continue;
    context.fillRect(toX(scale, trace.offset[i]), height - ERROR_STRIP, 2, ERROR_STRIP);
  }
}

const LAYERS_MAX = 3;

/** Whether a line still changes its first, middle or last pixel; then it is counted there. */
function isSeen(layers: Uint8Array, row: number, from: number, to: number): boolean {
  let changes = false;
  for (const pixel of [from, (from + to) >> 1, to]) {
    const place = row + Math.max(0, pixel);
    if (place >= layers.length || layers[place] >= LAYERS_MAX) continue;
    layers[place] += 1;
    changes = true;
  }
  return changes;
}

/** The frame round what the waterfall shows. */
export function drawMinimapView(context: Context, scene: MinimapScene, view: TimeSpan): void {
  const { theme, width, height } = scene;
  const scale = timeScale({ from: 0, to: Math.max(1, scene.trace.durationNanos) }, 0, width);
  const from = Math.max(0, toX(scale, view.from));
  const to = Math.min(width, toX(scale, view.to));
  if (from <= 0.5 && to >= width - 0.5) return;
  context.fillStyle = withAlpha(theme.ground, 0.72);
  context.fillRect(0, 0, from, height);
  context.fillRect(to, 0, width - to, height);
  context.fillStyle = theme.accent;
  context.fillRect(from, 0, 1.5, height);
  context.fillRect(to - 1.5, 0, 1.5, height);
}
