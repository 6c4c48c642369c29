import type { StateChange } from "@halon/replicator";
import {
  decodeChange,
  type EncodedChange,
  type Graph,
  type GraphChange,
  GraphLoader,
  parseStoreKey,
  type Schema,
} from "@halon/resource-graph";
import { assert, SortedMap } from "@halon/runtime";

/** Keys of the graph in the stations' state. */
export const GRAPH_PREFIX = "g/";
/** All of it but the reverse edges, which say the same again. */
export const GRAPH_FROM = `${GRAPH_PREFIX}v/`;
export const GRAPH_TO = `${GRAPH_PREFIX}vr/`;

const [FROM, TO] = [GRAPH_FROM, GRAPH_TO].map((key) => key.slice(GRAPH_PREFIX.length)) as [string, string];

/** Of the changes of one decree those come first that others may stand in the way of. */
const ORDER = ["removeEdge", "removeVertex", "putVertex", "putEdge"] as const;

/**
 * A copy of the graph, from pages that were read one after the other, at different decrees, and the changes since the first of
 * them: each sets or removes a key, so that with all of them up to the newest page the copy is the graph as of that decree.
 */
export class GraphMirror {
  readonly #schema: Schema;
  /** While pages come: by key, without the prefix. */
  #entries: SortedMap<Uint8Array> | undefined = new SortedMap();
  #graph: Graph | undefined;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  addPage(entries: readonly { readonly key: string; readonly value: Uint8Array }[]): void {
    for (const { key, value } of entries) this.#loading.set(key.slice(GRAPH_PREFIX.length), value);
  }

  /** Changes that were made while pages were read. */
  patch(changes: readonly StateChange[]): void {
    const entries = this.#loading;
    for (const { key, value } of changes) {
      if (key < GRAPH_FROM || key >= GRAPH_TO) continue;
      const name = key.slice(GRAPH_PREFIX.length);
      if (value === undefined) entries.delete(name);
      else entries.set(name, value);
    }
  }

  /** All is there that belongs together. Throws `GraphError` for what the schema does not take. */
  finish(): Graph {
    const loader = new GraphLoader(this.#schema);
    for (const [key, value] of this.#loading.entries(FROM, TO)) loader.add(key, value);
    this.#entries = undefined;
    this.#graph = loader.finish();
    return this.#graph;
  }

  /** Goes on by whole decrees. Returns the graph and the net difference. Throws `GraphError`. */
  change(changes: readonly StateChange[]): { readonly graph: Graph; readonly changes: readonly GraphChange[] } {
    assert(this.#graph !== undefined, "the graph is changed before it is there");
    const changed = this.#graph.change((draft) => {
      for (const decree of decreesOf(changes)) draft.apply(graphChanges(decree));
    });
    this.#graph = changed.graph;
    return changed;
  }

  get #loading(): SortedMap<Uint8Array> {
    assert(this.#entries !== undefined, "a page comes when the graph is there");
    return this.#entries;
  }
}

/** The changes of each decree. */
function decreesOf(changes: readonly StateChange[]): readonly (readonly StateChange[])[] {
  const decrees: StateChange[][] = [];
  for (const change of changes) {
    const last = decrees.at(-1);
    if (last?.[0]?.index === change.index) last.push(change);
    else decrees.push([change]);
  }
  return decrees;
}

/** What one decree did to the graph, in an order in which it can be applied. */
function graphChanges(changes: readonly StateChange[]): readonly GraphChange[] {
  const found = changes.flatMap(({ key, value }): GraphChange[] => {
    const parsed = parseStoreKey(key.slice(GRAPH_PREFIX.length));
    if (parsed.kind === "reverse") return [];
    return [decodeChange(encodedChange(parsed, value))];
  });
  return ORDER.flatMap((kind) => found.filter((change) => change.kind === kind));
}

function encodedChange(
  parsed: Exclude<ReturnType<typeof parseStoreKey>, { readonly kind: "reverse" }>,
  value: Uint8Array | undefined,
): EncodedChange {
  if (parsed.kind === "vertex") {
    const { type, id } = parsed;
    return value === undefined ? { kind: "removeVertex", type, id } : { kind: "putVertex", type, id, value };
  }
  return { ...parsed, kind: value === undefined ? "removeEdge" : "putEdge" };
}
