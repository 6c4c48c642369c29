import type { GraphState } from "./graph-state.ts";
import { type KeptValue, readValue, type ValueReading } from "./kept-value.ts";
import { MapBuilder } from "./map-builder.ts";
import type { Edit } from "./map-node.ts";
import { type Neighbours, neighboursOf, withNeighbour, withoutNeighbour } from "./neighbours.ts";
import { PersistentMap } from "./persistent-map.ts";
import type { VertexIndex } from "./schema.ts";

/** Brings a type's indexes up to date: the vertex is about to have that value, or none. */
export function reindex(state: GraphState, type: string, id: string, value: KeptValue | undefined, edit: Edit): void {
  const indexes = state.schema.indexesOf(type);
  if (indexes.length === 0) return;
  const before = state.vertices.get(type)?.get(id);
  for (const index of indexes) {
    const [was, is] = [before, value].map((kept) => keyIn(state, index, id, kept));
    if (was === is) continue;
    let all = state.indexes.get(index.name) ?? PersistentMap.empty<Neighbours>();
    if (was !== undefined) {
      const left = withoutNeighbour(all.get(was), id, edit);
      all = left === undefined ? all.without(was, edit) : all.with(was, left, edit);
    }
    if (is !== undefined) all = all.with(is, withNeighbour(all.get(is), id, edit), edit);
    if (all.size === 0) state.indexes.delete(index.name);
    else state.indexes.set(index.name, all);
  }
}

/** Builds a type's indexes from its vertices, whose ids come in order; `undefined` now and then, when it has worked for a while. */
export function* indexing(state: GraphState, type: string): Generator<undefined, void, undefined> {
  const indexes = state.schema.indexesOf(type);
  if (indexes.length === 0) return;
  const found = indexes.map((index) => ({ index, ids: new Map<string, string[]>() }));
  let count = 0;
  for (const [id, kept] of state.vertices.get(type)?.entries() ?? []) {
    for (const { index, ids } of found) {
      const key = keyIn(state, index, id, kept);
      const under = key === undefined ? undefined : ids.get(key);
      if (under !== undefined) under.push(id);
      else if (key !== undefined) ids.set(key, [id]);
    }
    if (++count % SLICE_VERTICES === 0) yield;
  }
  for (const { index, ids } of found) {
    const builder = new MapBuilder<Neighbours>();
    for (const key of [...ids.keys()].sort()) builder.append(key, neighboursOf(ids.get(key) as string[]));
    if (ids.size > 0) state.indexes.set(index.name, builder.finish());
    yield;
  }
}

/** A few milliseconds. */
const SLICE_VERTICES = 1_024;

/** A stored value that its type refuses is in no index; who reads it is told. */
function keyIn(reading: ValueReading, index: VertexIndex, id: string, kept: KeptValue | undefined): string | undefined {
  if (kept === undefined) return undefined;
  if (typeof kept !== "number") return index.keyOf(kept);
  try {
    return index.keyOf(readValue(reading, index.type.name, id, kept));
  } catch {
    return undefined;
  }
}
