import type { EdgeRef } from "./graph-change.ts";
import { type GraphState, hasVertex, sortedKeys } from "./graph-state.ts";
import { endTypes, type Id } from "./names.ts";
import { neighbourIds } from "./neighbours.ts";
import type { Relation } from "./schema.ts";

/** Vertices of one type, and the way on from all of them together. Reads when asked, and each vertex once. */
export class Path<N extends string> {
  readonly #state: GraphState;
  readonly #ids: ReadonlySet<string>;

  constructor(state: GraphState, ids: Iterable<string>) {
    this.#state = state;
    this.#ids = new Set(ids);
  }

  /** All targets of edges from here. */
  out<T extends string>(relation: Relation<N, T>): Path<T> {
    return this.#along(relation, this.#state.outs.get(relation.key));
  }

  /** All sources of edges that lead here. */
  in<F extends string>(relation: Relation<F, N>): Path<F> {
    return this.#along(relation, this.#state.ins.get(relation.key));
  }

  /** Where the way has led to, in order, each once. */
  ids(): readonly Id<N>[] {
    return [...this.#ids].sort() as Id<N>[];
  }

  get count(): number {
    return this.#ids.size;
  }

  #along<M extends string>(relation: Relation, side: ReturnType<GraphState["outs"]["get"]>): Path<M> {
    this.#state.schema.checkRelation(relation);
    const reached = new Set<string>();
    for (const id of this.#ids) for (const far of neighbourIds(side?.get(id))) reached.add(far);
    return new Path<M>(this.#state, reached);
  }
}

/** Vertices that {@link shortestPath} looks at. */
export const PATH_VISITS_DEFAULT = 100_000;

interface Step {
  readonly type: string;
  readonly id: string;
  readonly edge: EdgeRef | undefined;
  readonly before: Step | undefined;
}

/**
 * Edges from one vertex to another, from source to target, as few as possible; along `relations` only, by their keys, if
 * given. Empty from a vertex to itself. `undefined`: there is no such way, or `"tooFar"`: none among so many vertices.
 */
export function shortestPath(
  state: GraphState,
  [fromType, from]: readonly [type: string, id: string],
  [toType, to]: readonly [type: string, id: string],
  relations: ReadonlySet<string> | undefined,
  visitsMax: number,
): readonly EdgeRef[] | "tooFar" | undefined {
  if (!hasVertex(state, fromType, from)) return undefined;
  const seen = new Set([`${fromType}/${from}`]);
  let row: Step[] = [{ type: fromType, id: from, edge: undefined, before: undefined }];
  while (row.length > 0) {
    const next: Step[] = [];
    for (const step of row) {
      if (step.type === toType && step.id === to) return edgesTo(step);
      for (const edge of edgesFrom(state, step.type, step.id, relations)) {
        const { to: type } = endTypes(edge.relation);
        const place = `${type}/${edge.to}`;
        if (seen.has(place)) continue;
        if (seen.size >= visitsMax) return "tooFar";
        seen.add(place);
        next.push({ type, id: edge.to, edge, before: step });
      }
    }
    row = next;
  }
  return undefined;
}

function* edgesFrom(
  state: GraphState,
  type: string,
  from: string,
  relations: ReadonlySet<string> | undefined,
): Generator<EdgeRef, void, undefined> {
  for (const relation of sortedKeys(state.outs)) {
    if (endTypes(relation).from !== type || relations?.has(relation) === false) continue;
    for (const to of neighbourIds(state.outs.get(relation)?.get(from))) yield { relation, from, to };
  }
}

function edgesTo(last: Step): readonly EdgeRef[] {
  const edges: EdgeRef[] = [];
  for (let step: Step | undefined = last; step?.edge !== undefined; step = step.before) edges.unshift(step.edge);
  return edges;
}
