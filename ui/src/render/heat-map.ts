// Time × value: the darker, the more. Exemplars are diamonds on it; a ring marks the one that is looked at.

import { withAlpha } from "../base/colour.ts";
import type { Heat } from "../base/heat.ts";
import type { Context } from "./canvas.ts";
import { diamond } from "./canvas.ts";
import { BOTTOM, LEFT, RIGHT, roundValues, TOP, timeTicks } from "./plot-frame.ts";
import type { Theme } from "./theme.ts";

/** Nothing is drawn below this: a logarithm has no place for zero. */
const VALUE_MIN = 1e-12;

export interface HeatDot {
  readonly atMillis: number;
  /** In the unit of the bounds. */
  readonly value: number;
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
  readonly mark: HeatDot | null;
  readonly format: (value: number) => string;
  readonly hovered: number;
  readonly theme: Theme;
  readonly width: number;
  readonly height: number;
  readonly drag: Box | null;
}

export interface HeatScale {
  readonly x: (millis: number) => number;
  readonly y: (value: number) => number;
  readonly millis: (x: number) => number;
  readonly value: (y: number) => number;
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
    y: (value) =>
      height - BOTTOM - (Math.log(Math.max(VALUE_MIN, value)) / logRatio - floor) * rowHeight,
    millis: (x) => heat.fromMillis + (x - LEFT) / across,
    value: (y) => ratio ** (floor + (height - BOTTOM - y) / rowHeight),
    rowHeight,
    columnWidth: (width - LEFT - RIGHT) / heat.columns,
  };
}

export function heatDotAt(scene: HeatScene, x: number, y: number): number {
  const scale = heatScale(scene);
  return scene.dots.findIndex(
    (dot) => Math.hypot(scale.x(dot.atMillis) - x, scale.y(dot.value) - y) < 9,
  );
}

/** A field of the picture: a stretch of time and of values. */
export interface HeatField {
  readonly fromMillis: number;
  readonly toMillis: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** The field under a place; null beside the picture. */
export function heatFieldAt(scene: HeatScene, x: number, y: number): HeatField | null {
  const { heat } = scene;
  const scale = heatScale(scene);
  const row = heat.bounds.findIndex((bound) => y >= scale.y(bound));
  const stepMillis = (heat.toMillis - heat.fromMillis) / heat.columns;
  const column = Math.floor((scale.millis(x) - heat.fromMillis) / stepMillis);
  if (row < 0 || column < 0 || column >= heat.columns) return null;
  return {
    fromMillis: heat.fromMillis + column * stepMillis,
    toMillis: heat.fromMillis + (column + 1) * stepMillis,
    low: heat.bounds[row - 1] ?? heat.bounds[row] / 2,
    high: heat.bounds[row],
    count: heat.counts[row * heat.columns + column],
  };
}

export function drawHeat(context: Context, scene: HeatScene): void {
  const { heat, theme, height, width } = scene;
  const scale = heatScale(scene);
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  timeTicks(context, { ...scene, ...heat }, scale.x);
  drawValues(context, scene, scale);
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
    const y = Math.min(height - BOTTOM - 5, Math.max(TOP + 5, scale.y(dot.value)));
    if (x < LEFT || x > width - RIGHT) return;
    diamond(context, x, y, at === scene.hovered ? 7 : 5);
    context.fillStyle = theme.exemplar;
    context.fill();
    context.strokeStyle = theme.ground;
    context.lineWidth = 1.5;
    context.stroke();
  });
  if (scene.mark) drawMark(context, scene, scale, scene.mark);
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

function drawMark(context: Context, scene: HeatScene, scale: HeatScale, mark: HeatDot): void {
  const { theme, height } = scene;
  const x = scale.x(mark.atMillis);
  const y = Math.min(height - BOTTOM - 6, Math.max(TOP + 6, scale.y(mark.value)));
  for (const [colour, line] of [
    [theme.ground, 5],
    [theme.text, 2],
  ] as const) {
    context.beginPath();
    context.arc(x, y, 6, 0, Math.PI * 2);
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.stroke();
  }
}

/** Round values beside the rows, which themselves end at powers of two. */
function drawValues(context: Context, scene: HeatScene, scale: HeatScale): void {
  const { heat, theme, width, height } = scene;
  context.textAlign = "right";
  for (const value of roundValues(
    (heat.bounds[0] ?? 2) / 2,
    heat.bounds.at(-1) ?? 2,
    height - TOP - BOTTOM,
  )) {
    const y = scale.y(value);
    context.fillStyle = theme.line;
    context.fillRect(LEFT, Math.round(y), width - LEFT - RIGHT, 1);
    context.fillStyle = theme.textMuted;
    context.fillText(scene.format(value), LEFT - 8, y);
  }
  context.textAlign = "left";
}
