import { type Editor, presentValue } from "./editor.ts";
import { collectGarbage, GARBAGE_REMOVED_MAX_DEFAULT, type GarbageOptions, type GarbageOutcome } from "./garbage.ts";
import { GARBAGE_VISITS_DEFAULT, type GarbageCollector, type SweepOutcome } from "./garbage-collector.ts";
import { type EdgeRef, type GraphChange, vertexText } from "./graph-change.ts";
import { assert, GraphError } from "./graph-error.ts";
import { GraphView } from "./graph-view.ts";
import { mergeVertices } from "./merge.ts";
import { MIGRATED_MAX_DEFAULT, type MigrationOutcome, migrate } from "./migrating.ts";
import type { Id, IdText } from "./names.ts";
import type { Patch, Relation } from "./schema.ts";
import type { VertexValue } from "./value.ts";
import type { VertexType } from "./vertex-type.ts";

/** Refuses further changes to a draft. */
export type CloseDraft = () => void;

/**
 * A graph in the making, within one `Graph.change`. Queries see what was done so far. A call that throws has changed
 * nothing; when the whole function throws, the graph it started from is what remains.
 */
export class GraphDraft extends GraphView {
  readonly #editor: Editor;
  #isOpen = true;

  private constructor(editor: Editor) {
    super(editor.schema, editor.state);
    this.#editor = editor;
  }

  /** For `Graph.change` alone. */
  static open(editor: Editor): readonly [draft: GraphDraft, close: CloseDraft] {
    const draft = new GraphDraft(editor);
    return [
      draft,
      () => {
        draft.#isOpen = false;
      },
    ];
  }

  /** A new vertex. Throws `exists`, `bad-id`, `bad-value`. */
  insert<N extends string, V extends VertexValue>(
    type: VertexType<N, V>,
    id: IdText<NoInfer<N>>,
    value: NoInfer<V>,
  ): Id<N> {
    if (this.has(type, id)) throw new GraphError("exists", `${vertexText(type.name, id)} is there already; update it`);
    return this.put(type, id, value);
  }

  /** A new vertex, or a new value for the one that is there. Throws `bad-id`, `bad-value`. */
  put<N extends string, V extends VertexValue>(
    type: VertexType<N, V>,
    id: IdText<NoInfer<N>>,
    value: NoInfer<V>,
  ): Id<N> {
    this.schema.checkType(type);
    this.#open().putVertex(type.name, id, value);
    return id as Id<N>;
  }

  /** Sets some fields of the value. Throws `absent`, `bad-value`. */
  update<N extends string, V extends VertexValue>(
    type: VertexType<N, V>,
    id: IdText<NoInfer<N>>,
    patch: Patch<NoInfer<V>>,
  ): void {
    const value = this.get(type, id);
    if (value === undefined) throw new GraphError("absent", `there is no ${vertexText(type.name, id)}; insert it`);
    this.#open().putVertex(type.name, id, { ...value, ...patch });
  }

  /** Removes a vertex with all its edges. False when there is none. */
  remove<N extends string>(type: VertexType<N>, id: IdText<NoInfer<N>>): boolean {
    this.schema.checkType(type);
    return this.#open().removeVertex(type.name, id);
  }

  /**
   * Adds an edge; one that is there is left alone. At an at-most-one end the new edge replaces the old.
   * Throws `absent` for a vertex that is not there, `self-edge`.
   */
  connect<F extends string, T extends string>(
    relation: Relation<F, T>,
    from: Id<NoInfer<F>>,
    to: Id<NoInfer<T>>,
  ): void {
    this.schema.checkRelation(relation);
    this.#open().connect({ relation: relation.key, from, to }, "replace");
  }

  /** Removes an edge. False when there is none. */
  disconnect<F extends string, T extends string>(
    relation: Relation<F, T>,
    from: Id<NoInfer<F>>,
    to: Id<NoInfer<T>>,
  ): boolean {
    this.schema.checkRelation(relation);
    return this.#open().removeEdge({ relation: relation.key, from, to });
  }

  /**
   * Makes two vertices one: `into` gets all edges of `gone`, which is removed. Edges between the two vanish. Where
   * `into` has an at-most-one edge already it keeps its own; edges that found no room are returned, as they would have
   * been. The value is `into`'s, or what `combine` makes. Throws `absent`.
   */
  merge<N extends string, V extends VertexValue>(
    type: VertexType<N, V>,
    gone: IdText<NoInfer<N>>,
    into: IdText<NoInfer<N>>,
    combine?: (into: NoInfer<V>, gone: NoInfer<V>) => NoInfer<V>,
  ): readonly EdgeRef[] {
    this.schema.checkType(type);
    const editor = this.#open();
    const values = [into, gone].map((id) => presentValue(editor.state, type.name, id) as V) as [V, V];
    if (gone === into) return [];
    if (combine !== undefined) editor.putVertex(type.name, into, combine(...values));
    return mergeVertices(editor, type.name, gone, into);
  }

  /** Removes what no root reaches. See {@link GarbageOutcome}: it may have done nothing. */
  collectGarbage(options: GarbageOptions = {}): GarbageOutcome {
    return collectGarbage(this.#open(), options);
  }

  /** Removes some of what a collector, which has marked all of the graph, found to be garbage. */
  sweep(
    collector: GarbageCollector,
    removedMax = GARBAGE_REMOVED_MAX_DEFAULT,
    visitsMax = GARBAGE_VISITS_DEFAULT,
  ): SweepOutcome {
    return collector.sweepIn(this.#open(), removedMax, visitsMax);
  }

  /**
   * Goes on with the migration of the graph to the version of its schema, by `visitedMax` vertices at most: again until it
   * is `current`, or `newer`. Throws what {@link apply} does, for a migration whose changes do not fit.
   */
  migrate(visitedMax = MIGRATED_MAX_DEFAULT): MigrationOutcome {
    return migrate(this.#open(), visitedMax);
  }

  /**
   * Applies changes, in order. Unknown types and relations are kept as they are. Throws at the first that does not
   * fit, and the enclosing change is to be given up: `cardinality` (the message names both edges), `dangling`, `absent`,
   * `bad-value`, `bad-id`, `bad-name`. What is so already is no error.
   */
  apply(changes: Iterable<GraphChange>): void {
    const editor = this.#open();
    for (const change of changes) editor.apply(change);
  }

  #open(): Editor {
    assert(this.#isOpen, "a draft was changed after its change had ended (an async function, or a kept reference?)");
    return this.#editor;
  }
}
