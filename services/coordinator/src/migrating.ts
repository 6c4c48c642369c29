import type { Checkpoint, KeyChange } from "@halon/proto";
import type { Graph } from "@halon/resource-graph";
import { graphWrites } from "./checkpoint.ts";

/** Vertices of one checkpoint: with values of a kibibyte, and as many edges, it stays below a decree. */
const PART_VERTICES = 128;

export interface Migrated {
  /** Of the version of its schema, or of a newer one. */
  readonly graph: Graph;
  /** What is to be decided before anything else, one after the other; empty when nothing was to be done. */
  readonly parts: readonly Pick<Checkpoint, "changes" | "decisions">[];
}

/**
 * Brings the graph that was found to the version of its schema. Each part is a checkpoint, and says how far the graph is: a
 * coordinator that dies in between is followed by one that goes on there. Throws `GraphError` for a migration that does not fit.
 */
export function migrated(found: Graph, epoch: number): Migrated {
  const from = found.schemaVersion;
  const parts: { readonly changes: readonly KeyChange[]; decisions: Checkpoint["decisions"] }[] = [];
  let graph = found;
  for (;;) {
    const part = graph.change((draft) => draft.migrate(PART_VERTICES));
    graph = part.graph;
    if (part.changes.length > 0) parts.push({ changes: graphWrites(part.changes), decisions: [] });
    if (part.result.kind !== "more") break;
  }
  const last = parts.at(-1);
  if (last !== undefined && graph.schemaVersion !== from) {
    const facts = JSON.stringify({ from, to: graph.schemaVersion, parts: parts.length });
    const decision = {
      rule: "schema",
      instance: "graph",
      text: "graph migrated",
      facts,
      events: [],
      logTimeMs: 0,
      epoch,
    };
    last.decisions = [decision];
  }
  return { graph, parts };
}
