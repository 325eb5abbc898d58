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
  const scale = timeScale({ from: 0, to: trace.durationNanos }, 0, width);
  const room = height - ERROR_STRIP - 3;
  const line = Math.min(6, Math.max(1, room / Math.max(1, count) - 0.5));
  // Where several spans share a pixel line they shine through each other, and density shows.
  context.globalAlpha = count > room ? 0.6 : 0.9;
  for (let i = 0; i < count; i++) {
    context.fillStyle = theme.services[scene.colours[trace.service[i]]];
    const x = toX(scale, trace.offset[i]);
    const length = Math.max(1, (trace.duration[i] / Math.max(1, trace.durationNanos)) * width);
    context.fillRect(x, 2 + (i / count) * room, length, line);
  }
  context.globalAlpha = 1;
  context.fillStyle = theme.error;
  for (let i = 0; i < count; i++) {
    if (trace.spans[i].status !== "error") continue;
    context.fillRect(toX(scale, trace.offset[i]), height - ERROR_STRIP, 2, ERROR_STRIP);
  }
}

/** The frame round what the waterfall shows. */
export function drawMinimapView(context: Context, scene: MinimapScene, view: TimeSpan): void {
  const { theme, width, height } = scene;
  const scale = timeScale({ from: 0, to: scene.trace.durationNanos }, 0, width);
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
