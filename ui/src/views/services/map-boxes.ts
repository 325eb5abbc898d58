/** How large a service is drawn. Where there are many, each is a line: its name and the mark of its errors. */
export interface BoxSize {
  readonly width: number;
  readonly height: number;
  readonly isSmall: boolean;
  readonly nameLengthMax: number;
}

const LARGE: BoxSize = { width: 158, height: 46, isSmall: false, nameLengthMax: 20 };
const SMALL: BoxSize = { width: 132, height: 22, isSmall: true, nameLengthMax: 18 };
const LARGE_NODES_MAX = 40;

export function boxSize(nodeCount: number): BoxSize {
  return nodeCount > LARGE_NODES_MAX ? SMALL : LARGE;
}
