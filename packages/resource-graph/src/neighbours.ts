import { MapBuilder } from "./map-builder.ts";
import type { Edit } from "./map-node.ts";
import { PersistentMap } from "./persistent-map.ts";

/**
 * Ids of the vertices at the other end of one vertex's edges of one relation. Nearly always one, which is kept as it is:
 * in a large graph that is where the memory goes.
 */
export type Neighbours = string | PersistentMap<true>;

export const neighbourCount = (all: Neighbours | undefined): number =>
  all === undefined ? 0 : typeof all === "string" ? 1 : all.size;

export const hasNeighbour = (all: Neighbours | undefined, id: string): boolean =>
  all !== undefined && (typeof all === "string" ? all === id : all.has(id));

/** In order. */
export const neighbourIds = (all: Neighbours | undefined): readonly string[] =>
  all === undefined ? [] : typeof all === "string" ? [all] : all.keys();

export function withNeighbour(all: Neighbours | undefined, id: string, edit: Edit): Neighbours {
  if (all === undefined || all === id) return id;
  const many = typeof all === "string" ? PersistentMap.empty<true>().with(all, true, edit) : all;
  return many.with(id, true, edit);
}

/** Undefined when none is left. */
export function withoutNeighbour(all: Neighbours | undefined, id: string, edit: Edit): Neighbours | undefined {
  if (all === undefined || all === id) return undefined;
  if (typeof all === "string") return all;
  const rest = all.without(id, edit);
  return rest.size === 1 ? rest.keys()[0] : rest;
}

/** Of ids in order, at least one. */
export function neighboursOf(ids: readonly string[]): Neighbours {
  if (ids.length === 1) return ids[0] as string;
  const builder = new MapBuilder<true>();
  for (const id of ids) builder.append(id, true);
  return builder.finish();
}
