// A map of many services as columns of names: callers to the left of what they call, each column as short as it can
// be. Lines may pass below boxes; where there are hundreds, a reader follows one service at a time, and a layout that
// leads every line round every box is ten screens high.

export interface Link {
  readonly from: string;
  readonly to: string;
}

/** Columns from left to right, each from top to bottom. */
export function layers(names: readonly string[], links: readonly Link[]): readonly string[][] {
  const callees = new Map<string, string[]>(names.map((name) => [name, []]));
  for (const { from, to } of links) if (from !== to) callees.get(from)?.push(to);
  const order = fromCallersOn(names, links, callees);
  const place = new Map(order.map((name, at) => [name, at]));
  const column = new Map(names.map((name) => [name, 0]));
  const columnOf = (name: string) => column.get(name) ?? 0;
  for (const name of order) {
    for (const to of callees.get(name) ?? []) {
      // A call back to the left closes a circle; it moves nobody.
      const isForward = (place.get(to) ?? -1) > (place.get(name) ?? 0);
      if (isForward) column.set(to, Math.max(columnOf(to), columnOf(name) + 1));
    }
  }
  const columns: string[][] = [];
  for (const name of order) {
    const at = columnOf(name);
    while (columns.length <= at) columns.push([]);
    columns[at].push(name);
  }
  return untangled(columns, links);
}

/** Depth first from who is called by nobody, turned round: a caller before its callees, but for circles. */
function fromCallersOn(
  names: readonly string[],
  links: readonly Link[],
  callees: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const called = new Set(links.filter(({ from, to }) => from !== to).map(({ to }) => to));
  const starts = [...names.filter((name) => !called.has(name)), ...names];
  const isSeen = new Set<string>();
  const done: string[] = [];
  for (const start of starts) {
    const stack: { name: string; next: number }[] = [];
    const enter = (name: string) => {
      if (isSeen.has(name) || !callees.has(name)) return;
      isSeen.add(name);
      stack.push({ name, next: 0 });
    };
    enter(start);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const list = callees.get(top.name) ?? [];
      if (top.next < list.length) enter(list[top.next++]);
      else done.push((stack.pop() as { name: string }).name);
    }
  }
  return done.reverse();
}

const SWEEPS = 6;

/** Puts each name near the middle of those that it is linked to, to and fro, so that fewer lines cross. */
function untangled(columns: string[][], links: readonly Link[]): readonly string[][] {
  const linked = new Map<string, string[]>();
  const add = (name: string, other: string) => {
    const list = linked.get(name);
    if (list) list.push(other);
    else linked.set(name, [other]);
  };
  for (const { from, to } of links) {
    add(from, to);
    add(to, from);
  }
  const height = new Map<string, number>();
  // Heights from 0 to 1, because columns are of different lengths.
  const settle = (names: readonly string[]) =>
    names.forEach((name, at) => void height.set(name, (at + 0.5) / names.length));
  columns.forEach(settle);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isForth = sweep % 2 === 0;
    for (const names of isForth ? columns : [...columns].reverse()) {
      const middle = new Map(
        names.map((name) => {
          const others = linked.get(name) ?? [];
          const sum = others.reduce((total, other) => total + (height.get(other) ?? 0.5), 0);
          return [name, others.length > 0 ? sum / others.length : (height.get(name) ?? 0.5)];
        }),
      );
      names.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0) || (a < b ? -1 : 1));
      settle(names);
    }
  }
  return columns;
}
