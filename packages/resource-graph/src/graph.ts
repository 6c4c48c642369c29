import { Editor } from "./editor.ts";
import type { GraphChange } from "./graph-change.ts";
import { GraphDraft } from "./graph-draft.ts";
import { emptyState, type GraphState } from "./graph-state.ts";
import { GraphView, stateOf } from "./graph-view.ts";
import type { Schema } from "./schema.ts";
import { Touched } from "./touched.ts";

/** What a change came to. */
export interface Changed<Result> {
  readonly graph: Graph;
  /**
   * Net difference from the old graph to the new one, in an order in which it can be applied: edges go, vertices go,
   * vertices come, edges come. What was done and undone is not in it; a replaced edge is a removal and an addition.
   */
  readonly changes: readonly GraphChange[];
  /** What the function returned. */
  readonly result: Result;
}

/** A snapshot: it never changes. A new one is made by `change`, at a cost of what changed, and shares the rest. */
export class Graph extends GraphView {
  private constructor(schema: Schema, state: GraphState) {
    super(schema, state);
  }

  static empty(schema: Schema): Graph {
    return new Graph(schema, emptyState(schema));
  }

  /** For this package: takes over a state that nobody changes any more. */
  static of(state: GraphState): Graph {
    return new Graph(state.schema, state);
  }

  /** Runs `work`, at once, on a draft of this graph. What it throws comes out here, and nothing has changed. */
  change<Result>(work: (draft: GraphDraft) => Result): Changed<Result> {
    const touched = new Touched();
    const editor = new Editor(this.schema, stateOf(this), touched);
    const [draft, close] = GraphDraft.open(editor);
    try {
      const result = work(draft);
      return {
        graph: new Graph(this.schema, editor.state),
        changes: touched.changes(stateOf(this), editor.state),
        result,
      };
    } finally {
      close();
    }
  }

  /** The graph with changes applied. Errors as with {@link GraphDraft.apply}. */
  apply(changes: Iterable<GraphChange>): Graph {
    const editor = new Editor(this.schema, stateOf(this));
    for (const change of changes) editor.apply(change);
    return Graph.of(editor.state);
  }

  /**
   * One net list out of several that follow each other from this graph on: what a checkpoint carries when many changes
   * waited for the one before it. Errors as with {@link GraphDraft.apply}.
   */
  combine(lists: Iterable<Iterable<GraphChange>>): readonly GraphChange[] {
    return this.change((draft) => {
      for (const changes of lists) draft.apply(changes);
    }).changes;
  }
}
