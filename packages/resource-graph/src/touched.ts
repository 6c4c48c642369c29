import type { EdgeRef, GraphChange } from "./graph-change.ts";
import { type GraphState, hasEdge } from "./graph-state.ts";
import { writtenValue } from "./kept-value.ts";
import { sameValue } from "./value.ts";

/**
 * What a transaction laid hands on. The changes are not recorded but found in the end, by looking at each touched place before
 * and after: so whatever was done and undone in between leaves nothing.
 */
export class Touched {
  readonly #vertices = new Map<string, Set<string>>();
  readonly #edges = new Map<string, Map<string, Set<string>>>();

  vertex(type: string, id: string): void {
    const ids = this.#vertices.get(type);
    if (ids === undefined) this.#vertices.set(type, new Set([id]));
    else ids.add(id);
  }

  edge({ relation, from, to }: EdgeRef): void {
    const sources = this.#edges.get(relation) ?? new Map<string, Set<string>>();
    this.#edges.set(relation, sources);
    const targets = sources.get(from);
    if (targets === undefined) sources.set(from, new Set([to]));
    else targets.add(to);
  }

  /** The difference, in the one order in which it can be applied: edges go, vertices go, vertices come, edges come; sorted within each. */
  changes(before: GraphState, after: GraphState): readonly GraphChange[] {
    const edgesGone: GraphChange[] = [];
    const edgesNew: GraphChange[] = [];
    for (const edge of this.#sortedEdges()) {
      const [had, has] = [hasEdge(before, edge), hasEdge(after, edge)];
      if (had && !has) edgesGone.push({ kind: "removeEdge", ...edge });
      if (!had && has) edgesNew.push({ kind: "putEdge", ...edge });
    }
    const verticesGone: GraphChange[] = [];
    const verticesNew: GraphChange[] = [];
    for (const [type, ids] of sorted(this.#vertices))
      for (const id of [...ids].sort()) {
        const was = before.vertices.get(type)?.get(id);
        const is = after.vertices.get(type)?.get(id);
        if (was === is) continue;
        if (is === undefined) verticesGone.push({ kind: "removeVertex", type, id });
        else {
          const value = writtenValue(after, type, id, is);
          const isSame = was !== undefined && sameValue(writtenValue(before, type, id, was), value);
          if (!isSame) verticesNew.push({ kind: "putVertex", type, id, value });
        }
      }
    return [...edgesGone, ...verticesGone, ...verticesNew, ...edgesNew];
  }

  *#sortedEdges(): Generator<EdgeRef, void, undefined> {
    for (const [relation, sources] of sorted(this.#edges))
      for (const [from, targets] of sorted(sources)) for (const to of [...targets].sort()) yield { relation, from, to };
  }
}

const sorted = <T>(map: ReadonlyMap<string, T>): (readonly [string, T])[] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
