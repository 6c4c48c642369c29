import type { Editor } from "./editor.ts";
import type { EdgeRef } from "./graph-change.ts";
import { edgesOf } from "./graph-state.ts";
import { endTypes } from "./names.ts";

/** Moves all edges of `gone` to `into` and removes `gone`. Returns those for which an at-most-one end had no room. */
export function mergeVertices(editor: Editor, type: string, gone: string, into: string): readonly EdgeRef[] {
  const edges = edgesOf(editor.state, type, gone);
  // First of all: an edge between the two takes up no room.
  editor.removeVertex(type, gone);
  const refused: EdgeRef[] = [];
  for (const { relation, from, to } of edges) {
    const types = endTypes(relation);
    const moved: EdgeRef = {
      relation,
      from: types.from === type && from === gone ? into : from,
      to: types.to === type && to === gone ? into : to,
    };
    const isSelf = types.from === types.to && moved.from === moved.to;
    if (isSelf) continue;
    if (!editor.connect(moved, "leave")) refused.push(moved);
  }
  return refused;
}
