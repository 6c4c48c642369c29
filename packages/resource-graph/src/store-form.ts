import type { Graph } from "./graph.ts";
import type { EncodedChange } from "./graph-change.ts";
import { GraphLoader } from "./graph-loader.ts";
import type { Schema } from "./schema.ts";
import { edgeKey, reverseKey, vertexKey } from "./store-keys.ts";

/** One write: a value, or undefined for a key that goes. */
export interface StoreWrite {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

const PRESENT = new Uint8Array(0);

/**
 * The writes that do to a store what the changes do to a graph. Nothing is read and no schema is needed: changes that
 * came out of `Graph.change` fit the graph they were made from. Throws `bad-id`, `bad-name`.
 */
export function changesToStore(changes: Iterable<EncodedChange>): StoreWrite[] {
  const writes: StoreWrite[] = [];
  for (const change of changes) {
    switch (change.kind) {
      case "putVertex":
        writes.push({ key: vertexKey(change.type, change.id), value: change.value });
        break;
      case "removeVertex":
        writes.push({ key: vertexKey(change.type, change.id), value: undefined });
        break;
      case "putEdge":
      case "removeEdge": {
        const value = change.kind === "putEdge" ? PRESENT : undefined;
        const { relation, from, to } = change;
        writes.push({ key: edgeKey(relation, from, to), value }, { key: reverseKey(relation, from, to), value });
        break;
      }
      default:
        change satisfies never;
    }
  }
  return writes;
}

/** The graph in `entries`, which come in key order; those of the reverse edges may be left out. Throws {@link GraphError}. */
export function graphFromStore(schema: Schema, entries: Iterable<readonly [key: string, value: Uint8Array]>): Graph {
  const loader = new GraphLoader(schema);
  for (const [key, value] of entries) loader.add(key, value);
  return loader.finish();
}
