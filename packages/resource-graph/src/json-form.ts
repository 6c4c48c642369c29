import { Editor } from "./editor.ts";
import { Graph } from "./graph.ts";
import { GraphError } from "./graph-error.ts";
import { emptyState } from "./graph-state.ts";
import type { GraphView } from "./graph-view.ts";
import type { Schema } from "./schema.ts";
import type { VertexValue } from "./value.ts";

const FORMAT = 1;

/** A graph as plain JSON data, for people, tools and files. */
export interface GraphJson {
  readonly format: typeof FORMAT;
  /** By type, then by id. */
  readonly vertices: Readonly<Record<string, Readonly<Record<string, VertexValue>>>>;
  /** By relation key: pairs of source and target. */
  readonly edges: Readonly<Record<string, readonly (readonly [from: string, to: string])[]>>;
}

/** All of the graph, unknown types included. Equal graphs give equal JSON text. */
export function toJson(graph: GraphView): GraphJson {
  // Without a prototype, so that no id can be mistaken for a property of it.
  const vertices: Record<string, Record<string, VertexValue>> = Object.create(null);
  const edges: Record<string, (readonly [string, string])[]> = Object.create(null);
  for (const entry of graph.entries()) {
    if (entry.kind === "putVertex") {
      vertices[entry.type] ??= Object.create(null) as Record<string, VertexValue>;
      (vertices[entry.type] as Record<string, VertexValue>)[entry.id] = entry.value;
    } else if (entry.kind === "putEdge") {
      edges[entry.relation] ??= [];
      (edges[entry.relation] as (readonly [string, string])[]).push([entry.from, entry.to]);
    }
  }
  return { format: FORMAT, vertices, edges };
}

/** The graph that {@link toJson} wrote. `json` may be anything. Throws `bad-format`, and as `Graph.apply` does. */
export function fromJson(schema: Schema, json: unknown): Graph {
  const top = record(json, "the graph");
  if (top["format"] !== FORMAT)
    throw new GraphError(
      "bad-format",
      `format ${JSON.stringify(top["format"])?.slice(0, 40)}: ${FORMAT} is what this version reads`,
    );
  const editor = new Editor(schema, emptyState(schema));
  for (const [type, byId] of Object.entries(record(top["vertices"], "vertices")))
    for (const [id, value] of Object.entries(record(byId, `vertices.${type}`))) editor.putVertex(type, id, value);
  for (const [relation, pairs] of Object.entries(record(top["edges"], "edges"))) {
    if (!Array.isArray(pairs)) throw new GraphError("bad-format", `edges.${relation}: an array of pairs is expected`);
    for (const [at, pair] of pairs.entries()) {
      const [from, to] = pairOf(pair, `edges.${relation}[${at}]`);
      editor.apply({ kind: "putEdge", relation, from, to });
    }
  }
  return Graph.of(editor.state);
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new GraphError("bad-format", `${where}: an object is expected`);
}

function pairOf(value: unknown, where: string): readonly [string, string] {
  if (Array.isArray(value) && value.length === 2) {
    const [from, to] = value as unknown[];
    if (typeof from === "string" && typeof to === "string") return [from, to];
  }
  throw new GraphError("bad-format", `${where}: [from, to], two ids, is expected`);
}
