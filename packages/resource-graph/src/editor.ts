import { type EdgeRef, edgeText, type GraphChange, vertexText } from "./graph-change.ts";
import { assert, GraphError } from "./graph-error.ts";
import { edgesOf, forkState, type GraphState, hasEdge, vertexValue } from "./graph-state.ts";
import { checkedValue } from "./kept-value.ts";
import { Edit } from "./map-node.ts";
import { checkedId, checkedName, endTypes, RELATIONS_MAX, TYPES_MAX } from "./names.ts";
import { hasNeighbour, type Neighbours, neighbourIds, withNeighbour, withoutNeighbour } from "./neighbours.ts";
import { PersistentMap } from "./persistent-map.ts";
import type { Schema } from "./schema.ts";
import type { Touched } from "./touched.ts";
import { reindex } from "./vertex-indexes.ts";

/** Changes one graph in the making, by bare names and ids: typed calls and changes from outside both end up here. */
export class Editor {
  readonly schema: Schema;
  /** The editor's own, and changed in place. */
  readonly state: GraphState;
  readonly #touched: Touched | undefined;
  readonly #edit = new Edit();

  constructor(schema: Schema, base: GraphState, touched?: Touched) {
    this.schema = schema;
    this.state = forkState(base);
    this.#touched = touched;
  }

  /** Sets the vertex's value, checked by its type's `parse`; one of an unknown type is taken as it is. */
  putVertex(type: string, id: string, raw: unknown): void {
    const { state } = this;
    const value = checkedValue(this.schema, type, id, raw);
    let all = state.vertices.get(type);
    if (all === undefined) {
      checkedName(type);
      if (state.vertices.size === TYPES_MAX)
        throw new GraphError("limit", `${vertexText(type, id)}: over ${TYPES_MAX} vertex types`);
      all = PersistentMap.empty();
    }
    const own = all.keyOf(id) ?? checkedId(type, id);
    reindex(state, type, own, value, this.#edit);
    const next = all.with(own, value, this.#edit);
    state.vertexCount += next.size - all.size;
    state.vertices.set(type, next);
    this.#touched?.vertex(type, id);
  }

  /** Removes the vertex and all its edges. False when there is none. */
  removeVertex(type: string, id: string): boolean {
    for (const edge of edgesOf(this.state, type, id)) this.removeEdge(edge);
    return this.#removeBare(type, id);
  }

  /**
   * Adds the edge. When an at-most-one end is taken by another edge, that one gives way, or this one is refused as
   * `cardinality`, or left out; false then. Throws `absent`, `self-edge`.
   */
  connect(edge: EdgeRef, ifTaken: "replace" | "refuse" | "leave"): boolean {
    const { from, to } = this.#checkEnds(edge);
    const { outs, ins } = this.state;
    const { relation } = edge;
    let targets = outs.get(relation)?.get(from);
    if (hasNeighbour(targets, to)) return true;
    let sources = ins.get(relation)?.get(to);
    const others = this.#inTheWay(edge, targets, sources);
    if (others.length > 0) {
      if (ifTaken === "leave") return false;
      if (ifTaken === "refuse") throw noRoom(edge, others);
      for (const other of others) this.removeEdge(other);
      targets = outs.get(relation)?.get(from);
      sources = ins.get(relation)?.get(to);
    }
    this.#link(outs, relation, from, withNeighbour(targets, to, this.#edit));
    this.#link(ins, relation, to, withNeighbour(sources, from, this.#edit));
    this.state.edgeCount++;
    this.#touched?.edge(edge);
    return true;
  }

  /** False when there is no such edge. */
  removeEdge(edge: EdgeRef): boolean {
    if (!hasEdge(this.state, edge)) return false;
    this.#unlink(this.state.outs, edge.relation, edge.from, edge.to);
    this.#unlink(this.state.ins, edge.relation, edge.to, edge.from);
    this.state.edgeCount--;
    this.state.looseCount++;
    this.#touched?.edge(edge);
    return true;
  }

  /** Does what a change says, or throws and has done nothing. What is so already is no error. */
  apply(change: GraphChange<unknown>): void {
    switch (change.kind) {
      case "putVertex":
        return this.putVertex(change.type, change.id, change.value);
      case "removeVertex":
        return this.#removeUnconnected(change.type, change.id);
      case "putEdge":
        this.connect({ relation: change.relation, from: change.from, to: change.to }, "refuse");
        return;
      case "removeEdge":
        this.removeEdge({ relation: change.relation, from: change.from, to: change.to });
        return;
      default:
        change satisfies never;
        throw new GraphError("bad-format", `change ${JSON.stringify(change).slice(0, 200)}: of no known kind`);
    }
  }

  #removeUnconnected(type: string, id: string): void {
    const [edge] = edgesOf(this.state, type, id);
    if (edge !== undefined)
      throw new GraphError("dangling", `${vertexText(type, id)}: edge ${edgeText(edge)} is there; remove it first`);
    this.#removeBare(type, id);
  }

  #removeBare(type: string, id: string): boolean {
    const { vertices } = this.state;
    const all = vertices.get(type);
    if (all === undefined || !all.has(id)) return false;
    // Before: what is owned is changed in place.
    reindex(this.state, type, id, undefined, this.#edit);
    const rest = all.without(id, this.#edit);
    if (rest.size === 0) vertices.delete(type);
    else vertices.set(type, rest);
    this.state.vertexCount--;
    this.#touched?.vertex(type, id);
    return true;
  }

  /** The ids as their vertices hold them, so that all maps share one copy. */
  #checkEnds(edge: EdgeRef): { readonly from: string; readonly to: string } {
    const types = endTypes(edge.relation);
    const from = this.state.vertices.get(types.from)?.keyOf(edge.from);
    const to = this.state.vertices.get(types.to)?.keyOf(edge.to);
    if (from === undefined) throw absentEnd(edge, types.from, edge.from);
    if (to === undefined) throw absentEnd(edge, types.to, edge.to);
    if (from === to && types.from === types.to)
      throw new GraphError("self-edge", `edge ${edgeText(edge)}: a vertex has no edge to itself`);
    return { from, to };
  }

  /** Edges that cannot be there together with `edge`, whose ends have these neighbours. */
  #inTheWay(edge: EdgeRef, targets: Neighbours | undefined, sources: Neighbours | undefined): readonly EdgeRef[] {
    const { relation, from, to } = edge;
    const ends = this.schema.relations.get(relation)?.ends;
    const others: EdgeRef[] = [];
    if (ends?.to === "one" && targets !== undefined)
      for (const other of neighbourIds(targets)) others.push({ relation, from, to: other });
    if (ends?.from === "one" && sources !== undefined)
      for (const other of neighbourIds(sources)) others.push({ relation, from: other, to });
    return others;
  }

  #link(side: GraphState["outs"], relation: string, near: string, far: Neighbours): void {
    const all = side.get(relation) ?? PersistentMap.empty();
    if (all.size === 0 && side.size === RELATIONS_MAX)
      throw new GraphError("limit", `relation ${relation}: over ${RELATIONS_MAX} relations`);
    const next = all.with(near, far, this.#edit);
    if (next !== all) side.set(relation, next);
  }

  #unlink(side: GraphState["outs"], relation: string, near: string, far: string): void {
    const all = side.get(relation);
    assert(all !== undefined, `an edge of ${relation} is known at one end only`);
    const left = withoutNeighbour(all.get(near), far, this.#edit);
    const rest = left === undefined ? all.without(near, this.#edit) : all.with(near, left, this.#edit);
    if (rest.size === 0) side.delete(relation);
    else side.set(relation, rest);
  }
}

const noRoom = (edge: EdgeRef, others: readonly EdgeRef[]): GraphError =>
  new GraphError(
    "cardinality",
    `edge ${edgeText(edge)}: ${others.map(edgeText).join(" and ")} is in its way; remove it first`,
  );

const absentEnd = (edge: EdgeRef, type: string, id: string): GraphError =>
  new GraphError("absent", `edge ${edgeText(edge)}: there is no ${vertexText(type, id)}; insert it first`);

/** The vertex's value. Throws `absent`. */
export function presentValue(state: GraphState, type: string, id: string): NonNullable<ReturnType<typeof vertexValue>> {
  const value = vertexValue(state, type, id);
  if (value === undefined) throw new GraphError("absent", `there is no ${vertexText(type, id)}`);
  return value;
}
