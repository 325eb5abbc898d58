// Found traces as dots: when they began, how long they took (logarithmic), whose they are.

import { withAlpha } from "../base/colour.ts";
import { formatDuration } from "../base/time.ts";
import type { Context } from "./canvas.ts";
import { BOTTOM, LEFT, RIGHT, roundValues, TOP, timeTicks } from "./plot-frame.ts";
import type { Theme } from "./theme.ts";

export interface Dot {
  /** Not a number for a trace without times, which has no place here. */
  readonly startMillis: number;
  readonly durationNanos: number;
  readonly colour: number;
  readonly isError: boolean;
  readonly spanCount: number;
}

export interface ScatterScene {
  readonly dots: readonly Dot[];
  readonly fromMillis: number;
  readonly toMillis: number;
  readonly hovered: number;
  readonly theme: Theme;
  readonly width: number;
  readonly height: number;
  /** A stretch that is being dragged over, in pixels. */
  readonly drag: { readonly from: number; readonly to: number } | null;
}

export interface Plot {
  readonly x: (millis: number) => number;
  readonly y: (durationNanos: number) => number;
  readonly time: (x: number) => number;
  readonly floor: number;
  readonly ceiling: number;
}

export function plotOf(
  scene: Pick<ScatterScene, "dots" | "fromMillis" | "toMillis" | "width" | "height">,
): Plot {
  let low = Number.POSITIVE_INFINITY;
  let high = 1;
  for (const { durationNanos, startMillis } of scene.dots) {
    if (Number.isNaN(startMillis)) continue;
    low = Math.min(low, Math.max(1000, durationNanos));
    high = Math.max(high, durationNanos);
  }
  const floor = Math.log10(Math.min(low, high)) - 0.15;
  const ceiling = Math.max(Math.log10(high) + 0.15, floor + 0.6);
  const across = (scene.width - LEFT - RIGHT) / Math.max(1, scene.toMillis - scene.fromMillis);
  const up = (scene.height - TOP - BOTTOM) / (ceiling - floor);
  return {
    x: (millis) => LEFT + (millis - scene.fromMillis) * across,
    y: (nanos) => scene.height - BOTTOM - (Math.log10(Math.max(1000, nanos)) - floor) * up,
    time: (x) => scene.fromMillis + (x - LEFT) / across,
    floor,
    ceiling,
  };
}

export function dotRadius(dot: Dot): number {
  return Math.min(9, 3.2 + Math.log10(Math.max(1, dot.spanCount)) * 1.4);
}

/** The dot nearest to a point, within a finger's width; −1 for none. */
export function dotAt(scene: ScatterScene, x: number, y: number): number {
  const plot = plotOf(scene);
  let best = -1;
  let bestDistance = 14;
  scene.dots.forEach((dot, index) => {
    const distance = Math.hypot(plot.x(dot.startMillis) - x, plot.y(dot.durationNanos) - y);
    if (distance < bestDistance) {
      best = index;
      bestDistance = distance;
    }
  });
  return best;
}

export function drawScatter(context: Context, scene: ScatterScene): void {
  const { theme, height } = scene;
  const plot = plotOf(scene);
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  drawDurationLines(context, scene, plot);
  timeTicks(context, scene, plot.x);
  // Errors last, so that none hides below a good trace.
  scene.dots.forEach((dot, index) => {
    if (!dot.isError) drawDot(context, scene, plot, dot, index === scene.hovered);
  });
  scene.dots.forEach((dot, index) => {
    if (dot.isError) drawDot(context, scene, plot, dot, index === scene.hovered);
  });
  if (scene.drag) {
    const from = Math.min(scene.drag.from, scene.drag.to);
    context.fillStyle = withAlpha(theme.accent, 0.18);
    context.fillRect(from, TOP, Math.abs(scene.drag.to - scene.drag.from), height - TOP - BOTTOM);
  }
}

function drawDot(
  context: Context,
  scene: ScatterScene,
  plot: Plot,
  dot: Dot,
  isHovered: boolean,
): void {
  const { theme } = scene;
  const [x, y, radius] = [plot.x(dot.startMillis), plot.y(dot.durationNanos), dotRadius(dot)];
  context.beginPath();
  context.arc(x, y, radius, 0, Math.PI * 2);
  context.fillStyle = withAlpha(theme.services[dot.colour], isHovered ? 1 : 0.72);
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = theme.services[dot.colour];
  context.stroke();
  if (dot.isError) {
    context.beginPath();
    context.arc(x, y, radius + 2.5, 0, Math.PI * 2);
    context.lineWidth = 1.75;
    context.strokeStyle = theme.error;
    context.stroke();
  }
  if (isHovered) {
    context.beginPath();
    context.arc(x, y, radius + (dot.isError ? 5.5 : 3), 0, Math.PI * 2);
    context.lineWidth = 1.5;
    context.strokeStyle = theme.text;
    context.stroke();
  }
}

function drawDurationLines(context: Context, scene: ScatterScene, plot: Plot): void {
  const { theme, width, height } = scene;
  context.textAlign = "right";
  for (const nanos of roundValues(10 ** plot.floor, 10 ** plot.ceiling, height - TOP - BOTTOM)) {
    const y = Math.round(plot.y(nanos));
    context.fillStyle = theme.line;
    context.fillRect(LEFT, y, width - LEFT - RIGHT, 1);
    context.fillStyle = theme.textMuted;
    context.fillText(formatDuration(nanos), LEFT - 8, y);
  }
}
