// Spans to a tree, whatever their parents say: missing, doubled, their own, or in a circle. No
// recursion, because a chain of 100,000 spans is a legal trace.

import type { Span } from "../api/otlp.ts";
import type { SpanId } from "../base/ids.ts";

/** What is odd about one span; bits. */
export const Oddity = {
  /** The parent is named but did not come. */
  ParentMissing: 1,
  /** The parents lead round in a circle; it was cut here. */
  Cycle: 2,
  /** Another span has the same ID; parents are found at the first. */
  DoubledId: 4,
  EndsBeforeStart: 8,
  InFuture: 16,
  /** So far off that it is drawn at the edge of the picture. */
  OutOfRange: 32,
  /** The callee has its caller's ID, as Zipkin does it; it was put below the caller. */
  SharedId: 64,
  /** It came without a start; it was put at its parent's. */
  TimeMissing: 128,
  /** It began, and came without an end: still running when it was sent, or cut off. */
  EndMissing: 256,
} as const;

export interface TreeOrder {
  /** For each place in tree order, which of the given spans stands there. */
  readonly order: Int32Array;
  /** The other arrays are in tree order already, and `parent` points into it. */
  readonly parent: Int32Array;
  readonly depth: Int32Array;
  readonly subtreeSize: Int32Array;
  readonly oddities: Uint16Array;
}

export function orderSpans(spans: readonly Span[]): TreeOrder {
  const count = spans.length;
  const givenOddities = new Uint16Array(count);
  const byStart = sortByStart(spans);
  const givenParent = findParents(spans, givenOddities);
  cutCycles(givenParent, byStart, givenOddities);

  // Children of each span as slices of one array (compressed rows), filled by start so that they
  // are sorted already. The last slice holds the roots.
  const sliceStart = new Int32Array(count + 2);
  for (let i = 0; i < count; i++)
    sliceStart[(givenParent[i] < 0 ? count : givenParent[i]) + 1] += 1;
  for (let i = 0; i <= count; i++) sliceStart[i + 1] += sliceStart[i];
  const filled = sliceStart.slice(0, count + 1);
  const children = new Int32Array(count);
  for (const at of byStart) children[filled[givenParent[at] < 0 ? count : givenParent[at]]++] = at;

  const order = new Int32Array(count);
  const parent = new Int32Array(count).fill(-1);
  const depth = new Int32Array(count);
  const oddities = new Uint16Array(count);
  const stack = new Int32Array(count);
  const placeOf = new Int32Array(count);
  let stacked = 0;
  const push = (slice: number) => {
    for (let at = sliceStart[slice + 1] - 1; at >= sliceStart[slice]; at--) {
      stack[stacked++] = children[at];
    }
  };
  push(count);
  for (let place = 0; stacked > 0; place++) {
    const given = stack[--stacked];
    order[place] = given;
    placeOf[given] = place;
    oddities[place] = givenOddities[given];
    if (givenParent[given] >= 0) {
      parent[place] = placeOf[givenParent[given]];
      depth[place] = depth[parent[place]] + 1;
    }
    push(given);
  }

  const subtreeSize = new Int32Array(count).fill(1);
  for (let place = count - 1; place >= 0; place--) {
    if (parent[place] >= 0) subtreeSize[parent[place]] += subtreeSize[place];
  }
  return { order, parent, depth, subtreeSize, oddities };
}

/** By start; of two that start together the longer first, else as they came. */
function sortByStart(spans: readonly Span[]): Int32Array {
  const count = spans.length;
  const order = new Int32Array(count);
  if (count === 0) return order;
  let first = spans[0].start as bigint;
  for (const span of spans) if (span.start < first) first = span.start;
  const offset = new Float64Array(count);
  const length = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    order[i] = i;
    offset[i] = Number(spans[i].start - first);
    length[i] = Number(spans[i].end - spans[i].start);
  }
  return order.sort((a, b) => offset[a] - offset[b] || length[b] - length[a] || a - b);
}

/** Who has an ID. Zipkin gives one ID to both sides of a call, so there may be several. */
class Owners {
  readonly #first = new Map<SpanId, number>();
  readonly #others = new Map<SpanId, number[]>();

  add(id: SpanId, span: number): void {
    if (!this.#first.has(id)) this.#first.set(id, span);
    else {
      const others = this.#others.get(id);
      if (others) others.push(span);
      else this.#others.set(id, [span]);
    }
  }

  of(id: SpanId): readonly number[] {
    const first = this.#first.get(id);
    return first === undefined ? [] : [first, ...(this.#others.get(id) ?? [])];
  }

  get shared(): Iterable<SpanId> {
    return this.#others.keys();
  }

  first(id: SpanId): number | undefined {
    return this.#others.has(id) ? undefined : this.#first.get(id);
  }
}

function findParents(spans: readonly Span[], oddities: Uint16Array): Int32Array {
  const owners = new Owners();
  for (let i = 0; i < spans.length; i++) {
    const id = spans[i].spanId;
    if (id !== null) owners.add(id, i);
  }
  const parents = new Int32Array(spans.length).fill(-1);
  for (let i = 0; i < spans.length; i++) {
    const id = spans[i].parentSpanId;
    if (id === null) continue;
    const found = owners.first(id) ?? ownerFor(spans, spans[i], owners.of(id));
    if (found === undefined) oddities[i] |= Oddity.ParentMissing;
    else parents[i] = found;
  }
  for (const id of owners.shared) joinShared(spans, owners.of(id), parents, oddities);
  return parents;
}

/** Of several spans with the parent's ID the one that a child belongs to: the callee of its own service. */
function ownerFor(
  spans: readonly Span[],
  child: Span,
  owners: readonly number[],
): number | undefined {
  const others = owners.filter((owner) => spans[owner] !== child);
  const own = others.filter(
    (owner) => spans[owner].resource.serviceName === child.resource.serviceName,
  );
  return own.find((owner) => spans[owner].kind === "server") ?? own[0] ?? others[0] ?? owners[0];
}

/** The callee's span goes below the caller's with the same ID; other doubles are only marked. */
function joinShared(
  spans: readonly Span[],
  owners: readonly number[],
  parents: Int32Array,
  oddities: Uint16Array,
): void {
  const client = owners.find((owner) => spans[owner].kind === "client");
  const isShared = (owner: number) =>
    client !== undefined && owner !== client && spans[owner].kind === "server";
  for (const owner of owners) {
    if (isShared(owner)) {
      parents[owner] = client as number;
      oddities[owner] = (oddities[owner] & ~Oddity.ParentMissing) | Oddity.SharedId;
    } else if (owner !== (client ?? owners[0])) oddities[owner] |= Oddity.DoubledId;
  }
}

/** Walks up from each span; where a walk meets itself, the earliest span of the circle becomes a root. */
function cutCycles(parents: Int32Array, byStart: Int32Array, oddities: Uint16Array): void {
  const NEW = 0;
  const DONE = -1;
  const walkOf = new Int32Array(parents.length).fill(NEW);
  // Starting points come earliest first, and so the walk enters a circle at its earliest span if
  // nothing that hangs off the circle began before it. Therefore the circle is searched once more.
  const rank = new Int32Array(parents.length);
  byStart.forEach((at, place) => {
    rank[at] = place;
  });
  for (let walk = 1; walk <= byStart.length; walk++) {
    let at = byStart[walk - 1];
    while (at >= 0 && walkOf[at] === NEW) {
      walkOf[at] = walk;
      at = parents[at];
    }
    if (at >= 0 && walkOf[at] === walk) {
      let earliest = at;
      for (let on = parents[at]; on !== at; on = parents[on]) {
        if (rank[on] < rank[earliest]) earliest = on;
      }
      parents[earliest] = -1;
      oddities[earliest] |= Oddity.Cycle;
    }
    for (let on = byStart[walk - 1]; on >= 0 && walkOf[on] === walk; on = parents[on]) {
      walkOf[on] = DONE;
    }
  }
}
