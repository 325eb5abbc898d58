// The flame graph, hanging from the top: each box as wide as the time in it.

import { withAlpha } from "../base/colour.ts";
import { say } from "../base/say.ts";
import { formatDuration } from "../base/time.ts";
import type { Flame, FlameBox } from "../model/flame.ts";
import { type Context, fitText } from "./canvas.ts";
import type { Theme } from "./theme.ts";

export const FLAME_ROW = 22;

export interface FlameScene {
  readonly flame: Flame;
  /** The box that fills the width; −1 for all. */
  readonly focus: number;
  readonly hovered: number;
  /** Boxes that hold a match of the find; null where nothing is searched for. */
  readonly matches: ReadonlySet<number> | null;
  readonly colours: readonly number[];
  readonly theme: Theme;
  readonly width: number;
  readonly height: number;
  readonly scrollTop: number;
}

interface Frame {
  readonly left: number;
  readonly width: number;
}

function frameOf({ flame, focus }: FlameScene): Frame {
  const box = flame.boxes[focus];
  return box ? { left: box.left, width: box.width } : { left: 0, width: flame.width };
}

function xOf(scene: FlameScene, frame: Frame, at: number): number {
  return ((at - frame.left) / Math.max(1, frame.width)) * scene.width;
}

export function flameBoxAt(scene: FlameScene, x: number, y: number): number {
  const depth = Math.floor((y + scene.scrollTop) / FLAME_ROW);
  const frame = frameOf(scene);
  const at = frame.left + (x / scene.width) * frame.width;
  return scene.flame.boxes.findIndex(
    (box) => box.depth === depth && at >= box.left && at < box.left + box.width,
  );
}

export function drawFlame(context: Context, scene: FlameScene): void {
  const { theme, flame, width, height } = scene;
  context.fillStyle = theme.ground;
  context.fillRect(0, 0, width, height);
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  const frame = frameOf(scene);
  flame.boxes.forEach((box, at) => {
    const y = box.depth * FLAME_ROW - scene.scrollTop;
    if (y > height || y < -FLAME_ROW) return;
    const left = Math.max(0, xOf(scene, frame, box.left));
    const right = Math.min(width, xOf(scene, frame, box.left + box.width));
    if (right - left < 0.4) return;
    drawBox(context, scene, box, at, left, right, y);
  });
}

function drawBox(
  context: Context,
  scene: FlameScene,
  box: FlameBox,
  at: number,
  left: number,
  right: number,
  y: number,
): void {
  const { theme } = scene;
  const colour = theme.services[scene.colours[box.service]];
  const isPale = scene.matches !== null && !scene.matches.has(at);
  const width = Math.max(0.5, right - left - 1);
  context.globalAlpha = isPale ? 0.35 : 1;
  context.fillStyle = withAlpha(colour, theme.name === "dark" ? 0.34 : 0.24);
  context.fillRect(left, y + 1, width, FLAME_ROW - 2);
  context.fillStyle = colour;
  context.fillRect(left, y + FLAME_ROW - 4, width * (box.selfNanos / Math.max(1, box.width)), 3);
  if (box.errorCount > 0) {
    context.fillStyle = theme.error;
    context.fillRect(left, y + 1, Math.min(3, width), FLAME_ROW - 2);
  }
  if (at === scene.hovered) {
    context.strokeStyle = theme.text;
    context.lineWidth = 1.5;
    context.strokeRect(left + 0.75, y + 1.75, Math.max(0, width - 1.5), FLAME_ROW - 3.5);
  }
  if (width > 34) {
    context.fillStyle = theme.text;
    const times = box.spanCount > 1 ? `${box.spanCount} × ` : "";
    const label = `${times}${box.name || say("noName")}  ${formatDuration(box.width)}`;
    context.fillText(fitText(context, label, width - 12), left + 6, y + FLAME_ROW / 2 - 1);
  }
  context.globalAlpha = 1;
}
