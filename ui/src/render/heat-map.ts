// Time × duration: the darker, the more spans. Exemplars are dots on it.

import { withAlpha } from "../base/colour.ts";
import type { Heat } from "../base/heat.ts";
import { formatDuration } from "../base/time.ts";
import type { Context } from "./canvas.ts";
import { diamond } from "./canvas.ts";
import { BOTTOM, LEFT, RIGHT, TOP, timeTicks } from "./plot-frame.ts";
import type { Theme } from "./theme.ts";

export interface HeatDot {
  readonly atMillis: number;
  readonly durationNanos: number;
}

export interface Box {
  readonly fromX: number;
  readonly toX: number;
  readonly fromY: number;
  readonly toY: number;
}

export interface HeatScene {
  readonly heat: Heat;
  readonly dots: readonly HeatDot[];
  readonly hovered: number;
  readonly theme: Theme;
  readonly width: number;
  readonly height: number;
  readonly drag: Box | null;
}

export interface HeatScale {
  readonly x: (millis: number) => number;
  readonly y: (nanos: number) => number;
  readonly millis: (x: number) => number;
  readonly nanos: (y: number) => number;
  readonly rowHeight: number;
  readonly columnWidth: number;
}

export function heatScale(scene: Pick<HeatScene, "heat" | "width" | "height">): HeatScale {
  const { heat, width, height } = scene;
  const across = (width - LEFT - RIGHT) / Math.max(1, heat.toMillis - heat.fromMillis);
  const rows = Math.max(1, heat.bounds.length);
  const rowHeight = (height - TOP - BOTTOM) / rows;
  const ratio = heat.bounds.length > 1 ? heat.bounds[1] / heat.bounds[0] : 2;
  const logRatio = Math.log(ratio);
  const floor = Math.log(heat.bounds[0] ?? 2) / logRatio - 1;
  return {
    x: (millis) => LEFT + (millis - heat.fromMillis) * across,
    y: (nanos) => height - BOTTOM - (Math.log(Math.max(1, nanos)) / logRatio - floor) * rowHeight,
    millis: (x) => heat.fromMillis + (x - LEFT) / across,
    nanos: (y) => ratio ** (floor + (height - BOTTOM - y) / rowHeight),
    rowHeight,
    columnWidth: (width - LEFT - RIGHT) / heat.columns,
  };
}

export function heatDotAt(scene: HeatScene, x: number, y: number): number {
  const scale = heatScale(scene);
  return scene.dots.findIndex(
    (dot) => Math.hypot(scale.x(dot.atMillis) - x, scale.y(dot.durationNanos) - y) < 9,
  );
}

export function drawHeat(context: Context, scene: HeatScene): void {
  const { heat, theme, height, width } = scene;
  const scale = heatScale(scene);
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  timeTicks(context, { ...scene, ...heat }, scale.x);
  drawDurations(context, scene, scale);
  const highest = Math.log1p(heat.highest);
  for (let row = 0; row < heat.bounds.length; row++) {
    for (let column = 0; column < heat.columns; column++) {
      const count = heat.counts[row * heat.columns + column];
      if (count === 0) continue;
      const share = Math.log1p(count) / highest;
      context.fillStyle = withAlpha(theme.accent, 0.1 + 0.85 * share);
      const x = LEFT + column * scale.columnWidth;
      const y = height - BOTTOM - (row + 1) * scale.rowHeight;
      const gap = scale.columnWidth > 5 ? 1 : 0;
      context.fillRect(x, y + 0.5, scale.columnWidth - gap, scale.rowHeight - 1);
    }
  }
  scene.dots.forEach((dot, at) => {
    const x = scale.x(dot.atMillis);
    const y = Math.min(height - BOTTOM - 5, Math.max(TOP + 5, scale.y(dot.durationNanos)));
    if (x < LEFT || x > width - RIGHT) return;
    diamond(context, x, y, at === scene.hovered ? 7 : 5);
    context.fillStyle = theme.exemplar;
    context.fill();
    context.strokeStyle = theme.ground;
    context.lineWidth = 1.5;
    context.stroke();
  });
  if (!scene.drag) return;
  const { fromX, toX, fromY, toY } = scene.drag;
  const box = [
    Math.min(fromX, toX),
    Math.min(fromY, toY),
    Math.abs(toX - fromX),
    Math.abs(toY - fromY),
  ] as const;
  context.fillStyle = withAlpha(theme.accent, 0.16);
  context.fillRect(...box);
  context.strokeStyle = theme.accent;
  context.lineWidth = 1;
  context.strokeRect(...box);
}

function drawDurations(context: Context, scene: HeatScene, scale: HeatScale): void {
  const { heat, theme, width } = scene;
  const every = Math.max(1, Math.ceil(26 / scale.rowHeight));
  context.textAlign = "right";
  heat.bounds.forEach((bound, row) => {
    const y = scale.y(bound);
    if (row % every !== 0 && row !== heat.bounds.length - 1) return;
    if (row === heat.bounds.length - 1 && row % every !== 0 && row % every < every / 2) return;
    context.fillStyle = theme.line;
    context.fillRect(LEFT, Math.round(y), width - LEFT - RIGHT, 1);
    context.fillStyle = theme.textMuted;
    context.fillText(formatDuration(bound), LEFT - 8, y);
  });
  context.textAlign = "left";
}
