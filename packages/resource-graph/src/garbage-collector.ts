import type { Editor } from "./editor.ts";
import type { GraphChange } from "./graph-change.ts";
import { assert } from "./graph-error.ts";
import { type GraphState, sortedKeys } from "./graph-state.ts";
import { type GraphView, stateOf } from "./graph-view.ts";
import { SCHEMA_VERSION } from "./migration.ts";
import { endTypes } from "./names.ts";
import { type Neighbours, neighbourIds } from "./neighbours.ts";
import type { PersistentMap } from "./persistent-map.ts";
import type { Schema } from "./schema.ts";

/** Vertices looked at in one piece: some milliseconds. */
export const GARBAGE_VISITS_DEFAULT = 4_096;

export type MarkOutcome =
  | "more"
  | "done"
  /** No vertex of a root type exists: everything would go, which nobody means. */
  | "noRoots";

export interface SweepOutcome {
  readonly removed: number;
  /** This collection is at its end. */
  readonly isDone: boolean;
}

interface Place {
  readonly type: string;
  readonly id: string;
}

const KEPT_TYPES: ReadonlySet<string> = new Set([SCHEMA_VERSION.name]);

/** Vertices that are there in their own right. What a newer version holds for a root, an older one cannot tell. */
const isRoot = (schema: Schema, type: string): boolean =>
  schema.roots.has(type) || !schema.types.has(type) || KEPT_TYPES.has(type);

/**
 * One collection of what no root reaches along edges, from source to target, cycles too, in pieces while the graph goes on
 * changing: {@link mark} until it is done, then `GraphDraft.sweep` until that is. Whatever comes to be reached meanwhile stays, as long as
 * {@link note} is told of each change in between; what becomes unreachable meanwhile may be left to the next collection.
 */
export class GarbageCollector {
  readonly #marks = new Map<string, Set<string>>();
  /** Marked, and where their edges lead to is not. */
  readonly #waiting: Place[] = [];
  /** Up to where roots were looked for, then up to where garbage was. */
  #at: Place | undefined;
  #phase: "roots" | "marking" | "sweeping" | "done" = "roots";
  #looseCount = 0;

  /** Goes on looking at vertices, about `visitsMax` of them. */
  mark(graph: GraphView, visitsMax = GARBAGE_VISITS_DEFAULT): MarkOutcome {
    return this.markIn(stateOf(graph), visitsMax);
  }

  /** The graph that is given next differs from the last one by these. */
  note(changes: Iterable<GraphChange>): void {
    for (const change of changes)
      if (change.kind === "putVertex") this.#reach(change.type, change.id);
      else if (change.kind === "putEdge") this.#reach(endTypes(change.relation).to, change.to);
      else if (change.kind === "removeEdge") this.#looseCount++;
  }

  /** For this package: as {@link mark}. */
  markIn(state: GraphState, visitsMax: number): MarkOutcome {
    let visitsLeft = visitsMax;
    if (this.#phase === "roots") {
      if (!sortedKeys(state.vertices).some((type) => state.schema.roots.has(type))) return "noRoots";
      visitsLeft = this.#markRoots(state, visitsLeft);
      if (visitsLeft <= 0) return "more";
      this.#phase = "marking";
      this.#at = undefined;
    }
    const leading = leadingFrom(state);
    while (visitsLeft > 0) {
      const next = this.#waiting.pop();
      if (next === undefined) {
        if (this.#phase === "marking") this.#phase = "sweeping";
        return "done";
      }
      visitsLeft--;
      for (const { outs, target } of leading.get(next.type) ?? []) {
        const reached = neighbourIds(outs.get(next.id));
        for (const to of reached) this.#reach(target, to);
        visitsLeft -= reached.length;
      }
    }
    return "more";
  }

  /** For this package: removes some of what is not marked, having looked at no more than that many vertices. */
  sweepIn(editor: Editor, removedMax: number, visitsMax: number): SweepOutcome {
    const { state } = editor;
    // What was reached meanwhile leads on.
    const isMarked = this.markIn(state, visitsMax) === "done";
    if (!isMarked) return { removed: 0, isDone: false };
    assert(this.#phase === "sweeping" || this.#phase === "done", `swept while ${this.#phase}`);
    const garbage: Place[] = [];
    let visits = 0;
    for (const place of placesIn(state, this.#at)) {
      if (garbage.length === removedMax || visits++ === visitsMax) break;
      this.#at = place;
      if (this.#marks.get(place.type)?.has(place.id) !== true) garbage.push(place);
    }
    const isDone = garbage.length < removedMax && visits <= visitsMax;
    for (const { type, id } of garbage) editor.removeVertex(type, id);
    if (isDone) {
      this.#phase = "done";
      state.looseCount = this.#looseCount;
    }
    return { removed: garbage.length, isDone };
  }

  /** For this package: vertices that are still there and were not reached. */
  unmarkedIn(state: GraphState): number {
    let count = 0;
    for (const { type, id } of placesIn(state, undefined)) if (this.#marks.get(type)?.has(id) !== true) count++;
    return count;
  }

  #markRoots(state: GraphState, visitsMax: number): number {
    let visitsLeft = visitsMax;
    for (const place of placesIn(state, this.#at, (type) => isRoot(state.schema, type))) {
      if (visitsLeft-- <= 0) return 0;
      this.#at = place;
      this.#reach(place.type, place.id);
    }
    return Math.max(1, visitsLeft);
  }

  #reach(type: string, id: string): void {
    const ids = this.#marks.get(type);
    if (ids?.has(id) === true) return;
    if (ids === undefined) this.#marks.set(type, new Set([id]));
    else ids.add(id);
    this.#waiting.push({ type, id });
  }
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

/** Vertices behind `after`, in order of type and id. */
function* placesIn(
  state: GraphState,
  after: Place | undefined,
  isWanted = (_type: string): boolean => true,
): Generator<Place, void, undefined> {
  for (const type of sortedKeys(state.vertices)) {
    if ((after !== undefined && type < after.type) || !isWanted(type)) continue;
    const from = type === after?.type ? after.id : undefined;
    for (const [id] of state.vertices.get(type)?.entries(from) ?? []) yield { type, id };
  }
}
