// Where the axes of the plots over time lie, and the times below them.

import { formatClock, nanosFromMillis } from "../base/time.ts";
import { tickStep } from "../base/timescale.ts";
import type { Context } from "./canvas.ts";
import type { Theme } from "./theme.ts";

export const LEFT = 60;
export const RIGHT = 14;
export const TOP = 12;
export const BOTTOM = 22;

export function timeTicks(
  context: Context,
  scene: {
    readonly theme: Theme;
    readonly width: number;
    readonly height: number;
    readonly fromMillis: number;
    readonly toMillis: number;
  },
  xOf: (millis: number) => number,
): void {
  const { theme, width, height } = scene;
  const length = scene.toMillis - scene.fromMillis;
  const step = tickStep(length * 1e6, (width - LEFT - RIGHT) / 120) / 1e6;
  const zone = new Date(scene.fromMillis).getTimezoneOffset() * 60_000;
  const isDaily = length > 36 * 3600 * 1000;
  context.textAlign = "center";
  context.fillStyle = theme.lineStrong;
  context.fillRect(LEFT, height - BOTTOM, width - LEFT - RIGHT, 1);
  const first = Math.ceil((scene.fromMillis - zone) / step) * step + zone;
  for (let at = first; at <= scene.toMillis && step >= 1; at += step) {
    const x = Math.round(xOf(at));
    context.fillStyle = theme.line;
    context.fillRect(x, TOP, 1, height - TOP - BOTTOM);
    context.fillStyle = theme.textMuted;
    const clock = formatClock(nanosFromMillis(at));
    const date = new Date(at);
    const day = `${date.getMonth() + 1}/${date.getDate()} `;
    const text = `${isDaily ? day : ""}${step >= 60_000 ? clock.slice(0, 5) : clock}`;
    if (x > LEFT + 20 && x < width - 24) context.fillText(text, x, height - BOTTOM / 2 + 1);
  }
  context.textAlign = "left";
}

/** A line of text and room above it. */
const LABEL_PIXELS = 24;

/** Powers of ten between two values on a logarithmic scale; 1, 2 and 5 of each where there is room, not all where there is none. */
export function roundValues(low: number, high: number, pixels: number): readonly number[] {
  const decades = Math.max(0.1, Math.log10(high / low));
  const room = pixels / LABEL_PIXELS / decades;
  const heads = room >= 4 ? [1, 2, 5] : room >= 2.5 ? [1, 3] : [1];
  const every = Math.max(1, Math.ceil(1 / room));
  const values: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (power % every !== 0) continue;
    for (const head of heads) {
      const value = head * 10 ** power;
      if (value >= low * 1.0001 && value <= high) values.push(value);
    }
  }
  return values;
}
