import { EntryPacker, eachPacked, type Page } from "@halon/proto";
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

/** What a change says of a key that it removes. */
const REMOVED = null;

interface Loading {
  /** In key order, as they came: the graph is made of their bytes where these lie. */
  readonly pages: Uint8Array[];
  /** The newest change of each key, without the prefix. */
  readonly changed: SortedMap<Uint8Array | typeof REMOVED>;
}

/**
 * A copy of the graph, from packed pages that were read one after the other, at different decrees, and the changes since the first of
 * them: each sets or removes a key, so that with all of them up to the newest page put on top the copy is the graph as of that decree.
 */
export class GraphMirror {
  readonly #schema: Schema;
  /** While pages come. */
  #parts: Loading | undefined = { pages: [], changed: new SortedMap() };
  #graph: Graph | undefined;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** A station of an older version does not pack its pages. */
  addPage({ packed, entries }: Pick<Page, "packed" | "entries">): void {
    const { pages } = this.#loading;
    if (packed !== undefined) pages.push(packed);
    if (entries.length === 0) return;
    const packer = new EntryPacker();
    for (const { key, value } of entries) packer.add(key, value);
    pages.push(packer.finish());
  }

  /** Changes that were made while pages were read. */
  patch(changes: readonly StateChange[]): void {
    const { changed } = this.#loading;
    for (const { key, value = REMOVED } of changes)
      if (key >= GRAPH_FROM && key < GRAPH_TO) changed.set(key.slice(GRAPH_PREFIX.length), value);
  }

  /** All is there that belongs together. Throws `GraphError` for what the schema does not take, `ProtoError` for a page that is cut short. */
  finish(): Graph {
    const { pages, changed } = this.#loading;
    const loader = new GraphLoader(this.#schema);
    const news = [...changed.entries(FROM, TO)];
    let next = 0;
    const addNews = (before: string): void => {
      for (; next < news.length; next++) {
        const [key, value] = news[next] as (typeof news)[0];
        if (key >= before) return;
        if (value !== REMOVED) loader.add(key, value);
      }
    };
    for (const page of pages)
      eachPacked(page, (bytes, keyFrom, keyTo, valueTo) => {
        const from = keyFrom + GRAPH_PREFIX.length;
        if (next < news.length) {
          const key = bytes.toString("latin1", from, keyTo);
          addNews(key);
          if (news[next]?.[0] === key) return;
        }
        loader.addFrom(bytes, from, keyTo, valueTo);
      });
    addNews(TO);
    this.#parts = undefined;
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

  get #loading(): Loading {
    assert(this.#parts !== undefined, "a page comes when the graph is there");
    return this.#parts;
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
