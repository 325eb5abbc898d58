/** Where a reader stands: an epoch (one life of the buffer) and the first sequence number not yet seen. */

const TOKEN = /^1\.([0-9a-f]{32})((?:\.[0-9a-f]{1,16})+)$/;
const TOKEN_BYTES_MAX = 2048;

export const MALFORMED =
  "the cursor is not one that a span buffer gives out: pass back the sigyn-cursor header as it came, or leave it away to begin with the oldest span";
export const AHEAD =
  "the cursor points past what this buffer has recorded: leave it away to begin with the oldest span";

export interface Cursor {
  epoch: string;
  positions: number[];
}

/** `undefined` for a token that no buffer gives out. */
export function parseCursor(token: string): Cursor | undefined {
  const match = token.length <= TOKEN_BYTES_MAX ? TOKEN.exec(token) : null;
  if (!match || token.endsWith("\n")) return undefined;
  const positions = match[2].slice(1).split(".");
  return { epoch: match[1], positions: positions.map((position) => Number.parseInt(position, 16)) };
}

export function cursorToken(epoch: string, position: number): string {
  return `1.${epoch}.${position.toString(16)}`;
}
