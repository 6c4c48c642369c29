import type { EdgeRef, GraphChange } from "./graph-change.ts";
import { entriesOf, type GraphState, hasEdge, hasVertex, vertexValue, verticesOf } from "./graph-state.ts";
import { storedVersion } from "./migrating.ts";
import type { Id, IdText } from "./names.ts";
import { neighbourCount, neighbourIds } from "./neighbours.ts";
import { PATH_VISITS_DEFAULT, Path, shortestPath } from "./path.ts";
import type { Cardinality, Relation, Schema, VertexIndex } from "./schema.ts";
import type { VertexValue } from "./value.ts";
import type { VertexType } from "./vertex-type.ts";

export interface PathOptions {
  readonly relations?: readonly Relation[];
  readonly visitsMax?: number;
}

/** For the modules of this package: what a view looks at. */
export let stateOf: (view: GraphView) => GraphState;

/**
 * The queries, common to a snapshot and to a draft. All cost O(log n) plus their answer; every order is by id (UTF-16 code
 * units), whatever the graph's history. A type or relation that is not the schema's own throws `not-in-schema`.
 */
export class GraphView {
  readonly schema: Schema;
  readonly #state: GraphState;

  static {
    stateOf = (view) => view.#state;
  }

  constructor(schema: Schema, state: GraphState) {
    this.schema = schema;
    this.#state = state;
  }

  get vertexCount(): number {
    return this.#state.vertexCount;
  }

  get edgeCount(): number {
    return this.#state.edgeCount;
  }

  /** Edges removed since the last garbage collection in this process: what its threshold is compared with. */
  get looseCount(): number {
    return this.#state.looseCount;
  }

  /** Of the schema that the graph was last migrated to, which may be another than its own. */
  get schemaVersion(): number {
    return storedVersion(this.#state).version;
  }

  /** Throws `bad-value`, naming the vertex, for a stored value that its type refuses. */
  get<N extends string, V extends VertexValue>(type: VertexType<N, V>, id: IdText<NoInfer<N>>): V | undefined {
    this.schema.checkType(type);
    // What is in a known type's map has passed that type's `parse`.
    return vertexValue(this.#state, type.name, id) as V | undefined;
  }

  has<N extends string>(type: VertexType<N>, id: IdText<NoInfer<N>>): boolean {
    this.schema.checkType(type);
    return hasVertex(this.#state, type.name, id);
  }

  /** Number of vertices of a type. */
  count(type: VertexType): number {
    this.schema.checkType(type);
    return this.#state.vertices.get(type.name)?.size ?? 0;
  }

  /** Vertices of a type, from the first id above `after` on. Take what you need: it reads as it goes. */
  *all<N extends string, V extends VertexValue>(
    type: VertexType<N, V>,
    after?: IdText<NoInfer<N>>,
  ): Generator<readonly [id: Id<N>, value: V], void, undefined> {
    this.schema.checkType(type);
    yield* verticesOf(this.#state, type.name, after) as Generator<readonly [Id<N>, V], void, undefined>;
  }

  /** The way on from some vertices: `graph.from(Service, id).out(hasInstance).out(runsOn).ids()`. */
  from<N extends string>(type: VertexType<N>, ...ids: readonly Id<NoInfer<N>>[]): Path<N> {
    this.schema.checkType(type);
    return new Path<N>(
      this.#state,
      ids.filter((id) => hasVertex(this.#state, type.name, id)),
    );
  }

  /**
   * The fewest edges that lead from one vertex to another, from source to target; `undefined` when none do, `"tooFar"` when none
   * do among the first `visitsMax` vertices. `relations`: only along these.
   */
  path<A extends string, B extends string>(
    from: readonly [type: VertexType<A>, id: Id<NoInfer<A>>],
    to: readonly [type: VertexType<B>, id: Id<NoInfer<B>>],
    { relations, visitsMax = PATH_VISITS_DEFAULT }: PathOptions = {},
  ): readonly EdgeRef[] | "tooFar" | undefined {
    for (const [type] of [from, to]) this.schema.checkType(type);
    for (const relation of relations ?? []) this.schema.checkRelation(relation);
    const keys = relations && new Set(relations.map(({ key }) => key));
    return shortestPath(this.#state, [from[0].name, from[1]], [to[0].name, to[1]], keys, visitsMax);
  }

  /** Vertices that an index has under a key. */
  by<N extends string>(index: VertexIndex<N>, key: string): readonly Id<N>[] {
    this.schema.checkIndex(index);
    return neighbourIds(this.#state.indexes.get(index.name)?.get(key)) as readonly Id<N>[];
  }

  /** How many vertices an index has under a key. */
  countBy(index: VertexIndex, key: string): number {
    this.schema.checkIndex(index);
    return neighbourCount(this.#state.indexes.get(index.name)?.get(key));
  }

  /** Keys that an index has vertices under, from the first above `after` on. */
  *keysOf(index: VertexIndex, after?: string): Generator<string, void, undefined> {
    this.schema.checkIndex(index);
    for (const [key] of this.#state.indexes.get(index.name)?.entries(after) ?? []) yield key;
  }

  /** Targets of the vertex's edges. */
  out<F extends string, T extends string>(relation: Relation<F, T>, from: Id<NoInfer<F>>): readonly Id<T>[] {
    return neighbourIds(this.#targets(relation, from)) as readonly Id<T>[];
  }

  /** Sources of the edges that lead to the vertex. */
  in<F extends string, T extends string>(relation: Relation<F, T>, to: Id<NoInfer<T>>): readonly Id<F>[] {
    return neighbourIds(this.#sources(relation, to)) as readonly Id<F>[];
  }

  /** The target where there is at most one. */
  outOne<F extends string, T extends string>(
    relation: Relation<F, T, Cardinality, "one">,
    from: Id<NoInfer<F>>,
  ): Id<T> | undefined {
    return this.out(relation, from)[0];
  }

  /** The source where there is at most one. */
  inOne<F extends string, T extends string>(
    relation: Relation<F, T, "one", Cardinality>,
    to: Id<NoInfer<T>>,
  ): Id<F> | undefined {
    return this.in(relation, to)[0];
  }

  outCount<F extends string>(relation: Relation<F>, from: Id<NoInfer<F>>): number {
    return neighbourCount(this.#targets(relation, from));
  }

  inCount<F extends string, T extends string>(relation: Relation<F, T>, to: Id<NoInfer<T>>): number {
    return neighbourCount(this.#sources(relation, to));
  }

  connected<F extends string, T extends string>(
    relation: Relation<F, T>,
    from: Id<NoInfer<F>>,
    to: Id<NoInfer<T>>,
  ): boolean {
    this.schema.checkRelation(relation);
    return hasEdge(this.#state, { relation: relation.key, from, to });
  }

  /**
   * All of the graph, unknown types included, as the changes that make it from an empty one: vertices by type and id,
   * then edges by relation, source and target. Equal graphs give equal sequences: digest it, page it.
   */
  entries(): Generator<GraphChange, void, undefined> {
    return entriesOf(this.#state);
  }

  #targets(relation: Relation, from: string) {
    this.schema.checkRelation(relation);
    return this.#state.outs.get(relation.key)?.get(from);
  }

  #sources(relation: Relation, to: string) {
    this.schema.checkRelation(relation);
    return this.#state.ins.get(relation.key)?.get(to);
  }
}
