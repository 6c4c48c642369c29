import { assert } from "./graph-error.ts";
import type { VertexTable } from "./loaded-vertices.ts";
import type { Entries } from "./map-node.ts";
import type { Neighbours } from "./neighbours.ts";
import { NumberList } from "./number-list.ts";
import { PersistentMap } from "./persistent-map.ts";

/** Edges put in their place before other work of the process gets its turn: a few milliseconds. */
const SLICE_EDGES = 16_384;

/** Edges of one relation while a graph is loaded, as numbers of their vertices. */
export class EdgeTable {
  readonly kind = "edges";
  readonly from: VertexTable;
  readonly to: VertexTable;
  readonly #froms = new NumberList();
  readonly #tos = new NumberList();
  #fromLast = 0;
  #toLast = 0;
  #isAscending = true;

  constructor(from: VertexTable, to: VertexTable) {
    this.from = from;
    this.to = to;
  }

  get count(): number {
    return this.#froms.count;
  }

  /** Whether they came by places of their sources, and of their targets among those of a source. */
  get isAscending(): boolean {
    return this.#isAscending && this.from.isSorted && this.to.isSorted;
  }

  /** Sources mostly come in order, and often targets do. */
  findFrom(bytes: Uint8Array, from: number, to: number): number | undefined {
    return this.from.find(bytes, from, to, this.#fromLast);
  }

  findTo(bytes: Uint8Array, from: number, to: number): number | undefined {
    return this.to.find(bytes, from, to, this.#toLast);
  }

  add(from: number, to: number): void {
    const isBehind = from > this.#fromLast || (from === this.#fromLast && to > this.#toLast);
    if (this.count > 0 && !isBehind) this.#isAscending = false;
    this.#froms.push(from);
    this.#tos.push(to);
    this.#fromLast = from;
    this.#toLast = to;
  }

  /** Numbers of the vertices at one end, by number of the edge. */
  ends(side: "from" | "to"): Uint32Array {
    return side === "from" ? this.#froms.array : this.#tos.array;
  }
}

export interface Placed {
  readonly map: PersistentMap<Neighbours>;
  /** Neighbours of the first vertex that has several, where one is allowed. */
  readonly crowded: readonly string[] | undefined;
}

/** Neighbours at the far end, by vertex at the near one: targets of each source, or the reverse. All vertices are closed. */
export function* placing(
  edges: EdgeTable,
  direction: "out" | "in",
  isOneAllowed: boolean,
): Generator<undefined, Placed, undefined> {
  const [near, far] = direction === "out" ? (["from", "to"] as const) : (["to", "from"] as const);
  const nears = yield* placesOf(edges.ends(near), edges[near]);
  const fars = yield* placesOf(edges.ends(far), edges[far]);
  let order: Uint32Array | undefined;
  if (!edges.isAscending) order = yield* sortedBy(fars, edges[far].size, undefined);
  if (direction === "in" || !edges.isAscending) order = yield* sortedBy(nears, edges[near].size, order);
  const groups = new NumberList();
  const heads = new NumberList();
  const sorted = new Uint32Array(fars.length);
  let crowded: readonly string[] | undefined;
  for (let at = 0, last = -1; at < sorted.length; at++) {
    const edge = order === undefined ? at : (order[at] as number);
    const [nearPlace, farPlace] = [nears[edge] as number, fars[edge] as number];
    sorted[at] = farPlace;
    if (nearPlace !== last) {
      groups.push(nearPlace);
      heads.push(at);
      last = nearPlace;
    } else {
      const before = sorted[at - 1] as number;
      assert(before < farPlace, `an edge between ${nearPlace} and ${farPlace} is there once`);
      if (isOneAllowed) crowded ??= [before, farPlace].map((place) => edges[far].keyAt(place));
    }
    if (at % SLICE_EDGES === SLICE_EDGES - 1) yield;
  }
  heads.push(sorted.length);
  const all = new LoadedNeighbours(edges[near], edges[far], groups.array.slice(), heads.array.slice(), sorted);
  return { map: PersistentMap.reading<Neighbours>(all, 0, groups.count), crowded };
}

/** Neighbours of each vertex that has any, made when somebody looks at them. */
class LoadedNeighbours implements Entries<Neighbours> {
  readonly #near: VertexTable;
  readonly #far: VertexTable;
  /** Places of the vertices that have neighbours. */
  readonly #groups: Uint32Array;
  /** Where the neighbours of each begin, and those of the last one end. */
  readonly #heads: Uint32Array;
  /** Places of the neighbours, those of one vertex after those of the one before. */
  readonly #fars: Uint32Array;

  constructor(near: VertexTable, far: VertexTable, groups: Uint32Array, heads: Uint32Array, fars: Uint32Array) {
    this.#near = near;
    this.#far = far;
    this.#groups = groups;
    this.#heads = heads;
    this.#fars = fars;
  }

  keyAt(group: number): string {
    return this.#near.keyAt(this.#groups[group] as number);
  }

  valueAt(group: number): Neighbours {
    const [from, to] = [this.#heads[group] as number, this.#heads[group + 1] as number];
    const keyAt = (at: number): string => this.#far.keyAt(this.#fars[at] as number);
    if (to - from === 1) return keyAt(from);
    return PersistentMap.reading<true>({ keyAt, valueAt: () => true }, from, to);
  }
}

/** Of vertices by number: themselves where that is the same. */
function* placesOf(numbers: Uint32Array, vertices: VertexTable): Generator<undefined, Uint32Array, undefined> {
  if (vertices.isSorted) return numbers;
  const places = new Uint32Array(numbers.length);
  for (let at = 0; at < numbers.length; at++) {
    places[at] = vertices.placeOf(numbers[at] as number);
    if (at % SLICE_EDGES === SLICE_EDGES - 1) yield;
  }
  return places;
}

/** Numbers of the edges in order of `ends`, all below `size`; equal ones as they are in `before`. A counting sort. */
function* sortedBy(
  ends: Uint32Array,
  size: number,
  before: Uint32Array | undefined,
): Generator<undefined, Uint32Array, undefined> {
  const next = new Uint32Array(size + 1);
  for (const end of ends) next[end + 1] = (next[end + 1] as number) + 1;
  for (let place = 0; place < size; place++) next[place + 1] = (next[place + 1] as number) + (next[place] as number);
  yield;
  const order = new Uint32Array(ends.length);
  for (let at = 0; at < ends.length; at++) {
    const edge = before === undefined ? at : (before[at] as number);
    const end = ends[edge] as number;
    const place = next[end] as number;
    order[place] = edge;
    next[end] = place + 1;
    if (at % SLICE_EDGES === SLICE_EDGES - 1) yield;
  }
  return order;
}
