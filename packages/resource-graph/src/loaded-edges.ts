import { SLICE_ENTRIES, type VertexTable } from "./loaded-vertices.ts";
import { MapBuilder } from "./map-builder.ts";
import { type Neighbours, neighboursOf } from "./neighbours.ts";
import type { PersistentMap } from "./persistent-map.ts";

const CAPACITY_FIRST = 1_024;

/** Edges of one relation while a graph is loaded, as places of their vertices. */
export class EdgeTable {
  readonly kind = "edges";
  readonly from: VertexTable;
  readonly to: VertexTable;
  #count = 0;
  #froms = new Uint32Array(CAPACITY_FIRST);
  #tos = new Uint32Array(CAPACITY_FIRST);

  constructor(from: VertexTable, to: VertexTable) {
    this.from = from;
    this.to = to;
  }

  get count(): number {
    return this.#count;
  }

  add(from: number, to: number): void {
    if (this.#count === this.#froms.length) {
      this.#froms = grown(this.#froms);
      this.#tos = grown(this.#tos);
    }
    this.#froms[this.#count] = from;
    this.#tos[this.#count++] = to;
  }

  /** Places at one end, by number of the edge. */
  ends(side: "from" | "to"): Uint32Array {
    return (side === "from" ? this.#froms : this.#tos).subarray(0, this.#count);
  }
}

function grown(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

export interface Placed {
  readonly map: PersistentMap<Neighbours>;
  /** Neighbours of the first vertex that has several, where one is allowed. */
  readonly crowded: readonly string[] | undefined;
}

/** Neighbours at the far end, by vertex at the near one: targets of each source, or the reverse. */
export function* placing(
  edges: EdgeTable,
  direction: "out" | "in",
  isOneAllowed: boolean,
): Generator<undefined, Placed, undefined> {
  const [near, far] = direction === "out" ? (["from", "to"] as const) : (["to", "from"] as const);
  const [nearEnds, farEnds] = [edges.ends(near), edges.ends(far)];
  const byFar = sortedBy(farEnds, edges[far].size, undefined);
  yield;
  const order = sortedBy(nearEnds, edges[near].size, byFar);
  yield;
  const builder = new MapBuilder<Neighbours>();
  let crowded: readonly string[] | undefined;
  let slice = 0;
  for (let at = 0; at < order.length; ) {
    const place = nearEnds[order[at] as number] as number;
    const ids: string[] = [];
    for (; at < order.length && nearEnds[order[at] as number] === place; at++)
      ids.push(edges[far].idAt(farEnds[order[at] as number] as number));
    if (isOneAllowed && ids.length > 1) crowded ??= ids.slice(0, 2);
    builder.append(edges[near].idAt(place), neighboursOf(ids));
    slice += ids.length;
    if (slice < SLICE_ENTRIES) continue;
    slice = 0;
    yield;
  }
  return { map: builder.finish(), crowded };
}

/** Numbers of the edges in order of `ends`, all below `size`; equal ones as they are in `before`. A counting sort. */
function sortedBy(ends: Uint32Array, size: number, before: Uint32Array | undefined): Uint32Array {
  const next = new Uint32Array(size + 1);
  for (const end of ends) next[end + 1] = (next[end + 1] as number) + 1;
  for (let place = 0; place < size; place++) next[place + 1] = (next[place + 1] as number) + (next[place] as number);
  const order = new Uint32Array(ends.length);
  for (let at = 0; at < ends.length; at++) {
    const edge = before === undefined ? at : (before[at] as number);
    const end = ends[edge] as number;
    const place = next[end] as number;
    order[place] = edge;
    next[end] = place + 1;
  }
  return order;
}
