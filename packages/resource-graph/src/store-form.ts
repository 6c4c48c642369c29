import { Editor } from "./editor.ts";
import { Graph } from "./graph.ts";
import { type EncodedChange, vertexText } from "./graph-change.ts";
import { GraphError } from "./graph-error.ts";
import { emptyState } from "./graph-state.ts";
import type { Schema } from "./schema.ts";
import { edgeKey, parseStoreKey, reverseKey, vertexKey } from "./store-keys.ts";
import { parseJson } from "./value.ts";

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

/** Builds a graph from a store, entry by entry, so that its caller can go on reading in pieces. */
export class GraphLoader {
  readonly #editor: Editor;
  #reverseCount = 0;

  constructor(schema: Schema) {
    this.#editor = new Editor(schema, emptyState());
  }

  /** Takes an entry; vertices before their edges, as they come in key order. Throws {@link GraphError}. */
  add(key: string, value: Uint8Array): void {
    const parsed = parseStoreKey(key);
    if (parsed.kind === "reverse") this.#reverseCount++;
    else if (parsed.kind === "edge") this.#editor.apply({ ...parsed, kind: "putEdge" });
    else
      this.#editor.putVertex(
        parsed.type,
        parsed.id,
        parseJson(value, () => vertexText(parsed.type, parsed.id)),
      );
  }

  /** The graph. Throws `bad-format` when reverse entries were given, but not one for each edge. */
  finish(): Graph {
    const { edgeCount } = this.#editor.state;
    if (this.#reverseCount > 0 && this.#reverseCount !== edgeCount)
      throw new GraphError(
        "bad-format",
        `the store has ${edgeCount} edges, but ${this.#reverseCount} reverse entries: it is damaged, or was only partly read`,
      );
    return Graph.of(this.#editor);
  }
}

/** The graph in `entries`, which come in key order; those of the reverse edges may be left out. Throws {@link GraphError}. */
export function graphFromStore(schema: Schema, entries: Iterable<readonly [key: string, value: Uint8Array]>): Graph {
  const loader = new GraphLoader(schema);
  for (const [key, value] of entries) loader.add(key, value);
  return loader.finish();
}
