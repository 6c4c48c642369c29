import type { GraphView } from "./graph-view.ts";
import { endTypes } from "./names.ts";

const quoted = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&").replace(/[\r\n]/g, " ")}"`;
const node = (type: string, id: string): string => quoted(`${type}/${id}`);

/** The graph for Graphviz, line by line, so that a large one can be written as it is made. */
export function* dotLines(graph: GraphView): Generator<string, void, undefined> {
  yield "digraph resources {";
  yield "  node [shape=box];";
  for (const entry of graph.entries()) {
    if (entry.kind === "putVertex") {
      yield `  ${node(entry.type, entry.id)} [label=${quoted(`${entry.type} ${entry.id}`)}];`;
    } else if (entry.kind === "putEdge") {
      const types = endTypes(entry.relation);
      const label = entry.relation.slice(types.from.length + 1, -types.to.length - 1);
      yield `  ${node(types.from, entry.from)} -> ${node(types.to, entry.to)} [label=${quoted(label)}];`;
    }
  }
  yield "}";
}

/** The graph for Graphviz. */
export const toDot = (graph: GraphView): string => `${[...dotLines(graph)].join("\n")}\n`;
