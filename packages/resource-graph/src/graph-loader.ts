import { Graph } from "./graph.ts";
import { edgeText, vertexText } from "./graph-change.ts";
import { GraphError } from "./graph-error.ts";
import { emptyState, type GraphState } from "./graph-state.ts";
import type { KeptValue } from "./kept-value.ts";
import { EdgeTable, placing } from "./loaded-edges.ts";
import { VertexTable } from "./loaded-vertices.ts";
import { checkedName, endTypes, isPlainlyEscaped, RELATIONS_MAX, TYPES_MAX, unescapeId } from "./names.ts";
import { PersistentMap } from "./persistent-map.ts";
import type { Schema } from "./schema.ts";
import { parseStoreKey } from "./store-keys.ts";
import { TextArena } from "./text-arena.ts";
import { indexing } from "./vertex-indexes.ts";

const SLASH = 0x2f;

/**
 * Builds a graph from a store's entries, in key order, and in pieces. What comes is kept as it was stored, outside of the heap; ids and
 * neighbours are made of it when somebody looks at them, and values are checked by their types when somebody reads them.
 */
export class GraphLoader {
  readonly #schema: Schema;
  readonly #vertices = new Map<string, VertexTable>();
  readonly #edges = new Map<string, EdgeTable>();
  readonly #texts = new TextArena();
  /** Of the entry before, as most entries are of the same: its key up to its ids, and what they belong to. */
  #prefix: Uint8Array = new Uint8Array(0);
  #table: VertexTable | EdgeTable | undefined;
  #edgeCount = 0;
  #reverseCount = 0;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** Takes an entry; vertices before all edges, as they come in key order. Throws {@link GraphError}. */
  add(key: string, value: Uint8Array): void {
    const keyBytes = Buffer.from(key, "latin1");
    this.addFrom(Buffer.concat([keyBytes, value]), 0, keyBytes.length, keyBytes.length + value.length);
  }

  /** The same for an entry in the midst of others: its value stands right after its key. */
  addFrom(bytes: Buffer, keyFrom: number, keyTo: number, valueTo: number): void {
    if (!this.#isAsBefore(bytes, keyFrom, keyTo)) this.#turnTo(bytes.toString("latin1", keyFrom, keyTo));
    const at = keyFrom + this.#prefix.length;
    const table = this.#table;
    if (table === undefined) this.#reverseCount++;
    else if (table.kind === "vertices") {
      if (!isPlainlyEscaped(bytes, at, keyTo) && unescapeId(bytes.toString("latin1", at, keyTo)) === undefined)
        throw badKey(bytes.toString("latin1", keyFrom, keyTo));
      table.add(bytes, at, keyTo, this.#texts.add(bytes, keyTo, valueTo));
    } else {
      let slash = at;
      while (slash < keyTo && bytes[slash] !== SLASH) slash++;
      const from = table.findFrom(bytes, at, slash);
      const to = table.findTo(bytes, slash + 1, keyTo);
      if (from === undefined || to === undefined || (from === to && table.from === table.to))
        throw strangeEdge(bytes.toString("latin1", keyFrom, keyTo), from, to);
      table.add(from, to);
      this.#edgeCount++;
    }
  }

  /** The graph. Throws {@link GraphError}: `cardinality`, and `bad-format` when reverse entries were given, but not one for each edge. */
  finish(): Graph {
    const course = this.finishing();
    for (;;) {
      const { done, value } = course.next();
      if (done === true) return value;
    }
  }

  /** As {@link finish}, a few milliseconds at a time. */
  *finishing(): Generator<undefined, Graph, undefined> {
    if (this.#reverseCount > 0 && this.#reverseCount !== this.#edgeCount)
      throw new GraphError(
        "bad-format",
        `the store has ${this.#edgeCount} edges, but ${this.#reverseCount} reverse entries: it is damaged, or was only partly read`,
      );
    const state = emptyState(this.#schema, this.#texts);
    for (const [type, table] of this.#vertices) {
      table.close();
      yield;
      state.vertices.set(type, PersistentMap.reading<KeptValue>(table, 0, table.size));
      state.vertexCount += table.size;
      yield;
      yield* indexing(state, type);
    }
    for (const [relation, table] of this.#edges) {
      yield* this.#placeEdges(state, relation, table);
      this.#edges.delete(relation);
    }
    return Graph.of(state);
  }

  #isAsBefore(bytes: Uint8Array, from: number, to: number): boolean {
    const { length } = this.#prefix;
    if (length === 0 || to - from < length) return false;
    for (let at = 0; at < length; at++) if (bytes[from + at] !== this.#prefix[at]) return false;
    return true;
  }

  /** Looks at what kind of entry this is. */
  #turnTo(key: string): void {
    const parsed = parseStoreKey(key);
    this.#prefix = Buffer.from(key.slice(0, key.indexOf("/", key.indexOf("/") + 1) + 1), "latin1");
    if (parsed.kind === "vertex") this.#table = this.#turnToVertices(parsed.type, key);
    else if (parsed.kind === "edge") this.#table = this.#turnToEdges(parsed.relation);
    else this.#table = undefined;
  }

  #turnToVertices(type: string, key: string): VertexTable {
    if (this.#edges.size > 0) throw new GraphError("bad-format", `store key ${key}: vertices come before all edges`);
    let table = this.#vertices.get(type);
    if (table === undefined) {
      if (this.#vertices.size === TYPES_MAX)
        throw new GraphError("limit", `${checkedName(type)}: over ${TYPES_MAX} vertex types`);
      table = new VertexTable();
      this.#vertices.set(type, table);
    }
    return table;
  }

  #turnToEdges(relation: string): EdgeTable {
    let table = this.#edges.get(relation);
    if (table === undefined) {
      if (this.#edges.size === RELATIONS_MAX)
        throw new GraphError("limit", `relation ${relation}: over ${RELATIONS_MAX} relations`);
      const { from, to } = endTypes(relation);
      table = new EdgeTable(this.#vertices.get(from) ?? new VertexTable(), this.#vertices.get(to) ?? new VertexTable());
      this.#edges.set(relation, table);
    }
    return table;
  }

  *#placeEdges(state: GraphState, relation: string, table: EdgeTable): Generator<undefined, void, undefined> {
    const ends = this.#schema.relations.get(relation)?.ends;
    const outs = yield* placing(table, "out", ends?.to === "one");
    const ins = yield* placing(table, "in", ends?.from === "one");
    for (const [side, name] of [
      [outs, "leave"],
      [ins, "lead to"],
    ] as const)
      if (side.crowded !== undefined)
        throw new GraphError(
          "cardinality",
          `relation ${relation}: edges with ${side.crowded.map((id) => JSON.stringify(id)).join(" and ")} ${name} one vertex, and one is allowed`,
        );
    state.outs.set(relation, outs.map);
    state.ins.set(relation, ins.map);
    state.edgeCount += table.count;
  }
}

const badKey = (key: string): GraphError =>
  new GraphError("bad-format", `store key ${JSON.stringify(key.slice(0, 200))} is not one of a graph`);

function strangeEdge(key: string, from: number | undefined, to: number | undefined): GraphError {
  const edge = parseStoreKey(key);
  if (edge.kind !== "edge") return badKey(key);
  const types = endTypes(edge.relation);
  const what = `edge ${edgeText(edge)}`;
  if (from === undefined) return new GraphError("absent", `${what}: there is no ${vertexText(types.from, edge.from)}`);
  if (to === undefined) return new GraphError("absent", `${what}: there is no ${vertexText(types.to, edge.to)}`);
  return new GraphError("self-edge", `${what}: a vertex has no edge to itself`);
}
