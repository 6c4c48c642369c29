import type { Editor } from "./editor.ts";
import { type GraphState, sortedKeys } from "./graph-state.ts";
import { endTypes } from "./names.ts";
import { type Neighbours, neighbourIds } from "./neighbours.ts";
import type { PersistentMap } from "./persistent-map.ts";

export interface GarbageOptions {
  /** Collect only if that many edges were removed since the last time: below, little can have become unreachable. */
  readonly looseMin?: number;
  /** Vertices removed at most, so that a checkpoint stays small; the rest is for the next time. */
  readonly removedMax?: number;
}

export const GARBAGE_REMOVED_MAX_DEFAULT = 1_000;

export type GarbageOutcome =
  | { readonly kind: "collected"; readonly removed: number /** Unreachable, and still there. */; readonly left: number }
  /** Below `looseMin`. */
  | { readonly kind: "notDue"; readonly looseCount: number }
  /** No vertex of a root type exists: everything would go, which nobody means. Nothing was done; insert a root. */
  | { readonly kind: "noRoots"; readonly vertexCount: number };

type Marks = Map<string, Set<string>>;

/**
 * Removes vertices that cannot be reached from a root along edges, from source to target. Roots are all vertices of the schema's root
 * types, and all of types it does not know: what a newer version holds for a root, an older one cannot tell.
 */
export function collectGarbage(editor: Editor, options: GarbageOptions): GarbageOutcome {
  const { schema, state } = editor;
  const { looseMin = 0, removedMax = GARBAGE_REMOVED_MAX_DEFAULT } = options;
  if (state.looseCount < looseMin) return { kind: "notDue", looseCount: state.looseCount };
  if (!sortedKeys(state.vertices).some((type) => schema.roots.has(type)))
    return { kind: "noRoots", vertexCount: state.vertexCount };
  const isRoot = (type: string): boolean => schema.roots.has(type) || !schema.types.has(type);
  const garbage = unmarked(state, mark(state, isRoot));
  const removed = garbage.slice(0, removedMax);
  for (const [type, id] of removed) editor.removeVertex(type, id);
  const left = garbage.length - removed.length;
  if (left === 0) state.looseCount = 0;
  return { kind: "collected", removed: removed.length, left };
}

function mark(state: GraphState, isRoot: (type: string) => boolean): Marks {
  const marks: Marks = new Map();
  const waiting: (readonly [type: string, id: string])[] = [];
  const reach = (type: string, id: string): void => {
    const ids = marks.get(type);
    if (ids?.has(id) === true) return;
    if (ids === undefined) marks.set(type, new Set([id]));
    else ids.add(id);
    waiting.push([type, id]);
  };
  const leading = leadingFrom(state);
  for (const type of sortedKeys(state.vertices))
    if (isRoot(type)) for (const [id] of state.vertices.get(type)?.entries() ?? []) reach(type, id);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [type, id] = next;
    for (const { outs, target } of leading.get(type) ?? [])
      for (const to of neighbourIds(outs.get(id))) reach(target, to);
  }
  return marks;
}

interface Leading {
  readonly outs: PersistentMap<Neighbours>;
  readonly target: string;
}

/** By type, the edges that lead on from it. */
function leadingFrom(state: GraphState): ReadonlyMap<string, readonly Leading[]> {
  const byType = new Map<string, Leading[]>();
  for (const [relation, outs] of state.outs) {
    const { from, to } = endTypes(relation);
    byType.set(from, [...(byType.get(from) ?? []), { outs, target: to }]);
  }
  return byType;
}

/** In order of type and id. */
function unmarked(state: GraphState, marks: Marks): (readonly [type: string, id: string])[] {
  const rest: (readonly [string, string])[] = [];
  for (const type of sortedKeys(state.vertices)) {
    const reached = marks.get(type);
    for (const [id] of state.vertices.get(type)?.entries() ?? []) if (reached?.has(id) !== true) rest.push([type, id]);
  }
  return rest;
}
