/** The part of a 2D context that the renderers use; tests hand in one that records. */
export type Context = Pick<
  CanvasRenderingContext2D,
  | "fillStyle"
  | "strokeStyle"
  | "lineWidth"
  | "font"
  | "textBaseline"
  | "textAlign"
  | "globalAlpha"
  | "clearRect"
  | "fillRect"
  | "strokeRect"
  | "fillText"
  | "measureText"
  | "beginPath"
  | "moveTo"
  | "lineTo"
  | "arc"
  | "rect"
  | "roundRect"
  | "closePath"
  | "fill"
  | "stroke"
  | "clip"
  | "save"
  | "restore"
  | "setLineDash"
>;

/** Sizes a canvas for the screen's density and gives a context that counts in CSS pixels. */
export function prepareCanvas(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D | null {
  const density = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const context = canvas.getContext("2d");
  context?.setTransform(density, 0, 0, density, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}

const widths = new Map<string, number>();
/** Enough for the names of some screens; then the memory starts anew. */
const WIDTHS_MAX = 4000;

/** Width of a text in the context's font, remembered. */
export function textWidth(context: Context, text: string): number {
  const key = `${context.font}\n${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    if (widths.size >= WIDTHS_MAX) widths.clear();
    width = context.measureText(text).width;
    widths.set(key, width);
  }
  return width;
}

/** The text, or as much of its head as fits with an ellipsis; empty where not even that fits. */
export function fitText(context: Context, text: string, room: number): string {
  const full = textWidth(context, text);
  if (full <= room) return text;
  let keep = Math.floor((text.length * room) / full);
  while (keep > 0) {
    const cut = `${text.slice(0, keep)}…`;
    if (textWidth(context, cut) <= room) return cut;
    keep -= 1;
  }
  return "";
}

export function diamond(context: Context, x: number, y: number, radius: number): void {
  context.beginPath();
  context.moveTo(x, y - radius);
  context.lineTo(x + radius, y);
  context.lineTo(x, y + radius);
  context.lineTo(x - radius, y);
  context.closePath();
}
