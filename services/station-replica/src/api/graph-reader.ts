import {
  edgePrefix,
  endTypes,
  parseStoreKey,
  prefixEnd,
  reversePrefix,
  vertexKey,
  vertexPrefix,
} from "@halon/resource-graph";
import { GRAPH_PREFIX } from "../coordinator-state.ts";

/** What this needs of a store. */
export interface GraphStore {
  get(key: string): Uint8Array | undefined;
  range(range: { from: string; to: string; limit?: number }): readonly (readonly [string, Uint8Array])[];
}

export interface VertexEntry {
  readonly type: string;
  readonly id: string;
  /** JSON. */
  readonly value: string;
}

export interface EdgeEntry {
  readonly relation: string;
  readonly from: string;
  readonly to: string;
}

const PREFIX = GRAPH_PREFIX;
/** Kinds of vertices and of edges: no graph has more. */
const NAMES_MAX = 1_024;

/** Vertices read from the store at a time: a whole page of the largest values would be a quarter of a gigabyte. */
const PIECE_ENTRIES = 64;

const text = new TextDecoder();
/** The first key after `key`. */
const behind = (key: string): string => `${key} `;

/** Reads the resource graph where it is stored, without a copy in memory. */
export class GraphReader {
  readonly #store: GraphStore;

  constructor(store: GraphStore) {
    this.#store = store;
  }

  vertex(type: string, id: string): VertexEntry | undefined {
    const value = this.#store.get(PREFIX + vertexKey(type, id));
    return value === undefined ? undefined : { type, id, value: text.decode(value) };
  }

  /** Vertices of a type in order of their ids, behind `after`. They are read piece by piece: take them in one go. */
  *vertices(type: string, after: string): Generator<VertexEntry, void, undefined> {
    const prefix = PREFIX + vertexPrefix(type);
    let from = after === "" ? prefix : behind(PREFIX + vertexKey(type, after));
    for (;;) {
      const piece = this.#store.range({ from, to: prefixEnd(prefix), limit: PIECE_ENTRIES });
      for (const [key, value] of piece) {
        const parsed = parseStoreKey(key.slice(PREFIX.length));
        if (parsed.kind === "vertex") yield { type, id: parsed.id, value: text.decode(value) };
        from = behind(key);
      }
      if (piece.length < PIECE_ENTRIES) return;
    }
  }

  /** Types that have vertices. */
  types(): readonly string[] {
    return this.#names("v/", (key) => (key.kind === "vertex" ? key.type : undefined), vertexPrefix);
  }

  /** Relations that have edges. */
  relations(): readonly string[] {
    return this.#names("ve/", (key) => (key.kind === "edge" ? key.relation : undefined), edgePrefix);
  }

  /** Edges of the relations given from and to a vertex, at most `limit`. */
  edges(type: string, id: string, relations: readonly string[], limit: number): readonly EdgeEntry[] {
    const edges: EdgeEntry[] = [];
    for (const relation of relations) {
      const { from, to } = endTypes(relation);
      if (from === type) edges.push(...this.#under(edgePrefix(relation, id), limit - edges.length));
      if (to === type) edges.push(...this.#under(reversePrefix(relation, id), limit - edges.length));
    }
    return edges;
  }

  /** Targets of the vertex's edges of one relation, at most `limit`. */
  out(relation: string, from: string, limit: number): readonly string[] {
    return this.#under(edgePrefix(relation, from), limit).map(({ to }) => to);
  }

  /** How many edges of one relation lead to the vertex, counted up to `limit`. */
  countIn(relation: string, to: string, limit: number): number {
    const prefix = PREFIX + reversePrefix(relation, to);
    return this.#store.range({ from: prefix, to: prefixEnd(prefix), limit }).length;
  }

  #under(keyPrefix: string, limit: number): readonly EdgeEntry[] {
    if (limit <= 0) return [];
    const prefix = PREFIX + keyPrefix;
    return this.#store.range({ from: prefix, to: prefixEnd(prefix), limit }).flatMap(([key]) => {
      const parsed = parseStoreKey(key.slice(PREFIX.length));
      return parsed.kind === "vertex" ? [] : [{ relation: parsed.relation, from: parsed.from, to: parsed.to }];
    });
  }

  /** Distinct names under a space of keys, each found by one look behind all keys of the one before. */
  #names(
    space: string,
    nameOf: (key: ReturnType<typeof parseStoreKey>) => string | undefined,
    prefixOf: (name: string) => string,
  ): readonly string[] {
    const names: string[] = [];
    let from = PREFIX + space;
    while (names.length < NAMES_MAX) {
      const [entry] = this.#store.range({ from, to: prefixEnd(PREFIX + space), limit: 1 });
      const name = entry && nameOf(parseStoreKey(entry[0].slice(PREFIX.length)));
      if (name === undefined) break;
      names.push(name);
      from = prefixEnd(PREFIX + prefixOf(name));
    }
    return names;
  }
}
