import type { EdgeRef, GraphChange } from "./graph-change.ts";
import { type KeptValue, readValue, writtenValue } from "./kept-value.ts";
import { endTypes } from "./names.ts";
import { hasNeighbour, type Neighbours, neighbourIds } from "./neighbours.ts";
import type { PersistentMap } from "./persistent-map.ts";
import type { Schema } from "./schema.ts";
import { TextArena } from "./text-arena.ts";
import type { VertexValue } from "./value.ts";

/**
 * What a graph consists of, by bare names and ids: known to the schema or not. Only an `Editor` changes one, and only its own.
 * Invariants: no map in it is empty; `ins` is `outs` turned round; both ends of each edge are vertices.
 */
export interface GraphState {
  readonly schema: Schema;
  /** Values as they were stored, which {@link KeptValue}s refer to. */
  readonly texts: TextArena;
  /** By type. */
  readonly vertices: Map<string, PersistentMap<KeptValue>>;
  /** By relation key: source to targets. */
  readonly outs: Map<string, PersistentMap<Neighbours>>;
  /** By relation key: target to sources. */
  readonly ins: Map<string, PersistentMap<Neighbours>>;
  /** By name: key to ids. */
  readonly indexes: Map<string, PersistentMap<Neighbours>>;
  vertexCount: number;
  edgeCount: number;
  /** Edges removed since the last garbage collection. Not part of the graph's identity, and not persisted. */
  looseCount: number;
}

export const emptyState = (schema: Schema, texts = new TextArena()): GraphState => ({
  schema,
  texts,
  vertices: new Map(),
  outs: new Map(),
  ins: new Map(),
  indexes: new Map(),
  vertexCount: 0,
  edgeCount: 0,
  looseCount: 0,
});

/** A copy to be changed: the maps of types and relations are new, all below is shared. */
export const forkState = (state: GraphState): GraphState => ({
  ...state,
  vertices: new Map(state.vertices),
  outs: new Map(state.outs),
  ins: new Map(state.ins),
  indexes: new Map(state.indexes),
});

/** Throws `bad-value` for one that was stored and is refused by its type. */
export function vertexValue(state: GraphState, type: string, id: string): VertexValue | undefined {
  const all = state.vertices.get(type);
  const kept = all?.get(id);
  if (typeof kept !== "number") return kept;
  const value = readValue(state, type, id, kept);
  all?.refine(id, value);
  return value;
}

export const hasVertex = (state: GraphState, type: string, id: string): boolean =>
  state.vertices.get(type)?.has(id) === true;

/** Vertices of a type with ids above `after`, in order. Throws as {@link vertexValue} does. */
export function* verticesOf(
  state: GraphState,
  type: string,
  after?: string,
): Generator<readonly [id: string, value: VertexValue], void, undefined> {
  const all = state.vertices.get(type);
  for (const entry of all?.entries(after) ?? []) {
    const [id, kept] = entry;
    if (typeof kept !== "number") yield entry as readonly [string, VertexValue];
    else yield [id, vertexValue(state, type, id) as VertexValue];
  }
}

export const hasEdge = (state: GraphState, { relation, from, to }: EdgeRef): boolean =>
  hasNeighbour(state.outs.get(relation)?.get(from), to);

/** All edges of a vertex, by relation, outgoing first. */
export function edgesOf(state: GraphState, type: string, id: string): EdgeRef[] {
  const edges: EdgeRef[] = [];
  for (const relation of sortedKeys(state.outs)) {
    const ends = endTypes(relation);
    if (ends.from === type)
      for (const to of neighbourIds(state.outs.get(relation)?.get(id))) edges.push({ relation, from: id, to });
    if (ends.to === type)
      for (const from of neighbourIds(state.ins.get(relation)?.get(id))) edges.push({ relation, from, to: id });
  }
  return edges;
}

export const sortedKeys = (map: ReadonlyMap<string, unknown>): string[] => [...map.keys()].sort();

/**
 * All of the graph as the changes that make it: vertices by type and id, then edges by relation, source and target, each
 * sorted by UTF-16 code units. The order depends on nothing else, so it can be digested and paged.
 */
export function* entriesOf(state: GraphState): Generator<GraphChange, void, undefined> {
  for (const type of sortedKeys(state.vertices))
    for (const [id, kept] of state.vertices.get(type)?.entries() ?? [])
      yield { kind: "putVertex", type, id, value: writtenValue(state, type, id, kept) };
  for (const relation of sortedKeys(state.outs))
    for (const [from, targets] of state.outs.get(relation)?.entries() ?? [])
      for (const to of neighbourIds(targets)) yield { kind: "putEdge", relation, from, to };
}
