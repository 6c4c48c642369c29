import type { Editor } from "./editor.ts";
import { edgesOf, type GraphState, vertexValue } from "./graph-state.ts";
import { writtenValue } from "./kept-value.ts";
import { SCHEMA_VERSION, SCHEMA_VERSION_ID, type SchemaVersionValue } from "./migration.ts";

/** Vertices of one change: their values are a fraction of a checkpoint. */
export const MIGRATED_MAX_DEFAULT = 256;

export type MigrationOutcome =
  /** The graph is of the schema's version. */
  | { readonly kind: "current"; readonly version: number }
  /** So many vertices were looked at, and there are more: migrate again. */
  | { readonly kind: "more"; readonly version: number; readonly visited: number }
  /** A newer program has migrated it. It is used as it is, and what this one does not know is kept. */
  | { readonly kind: "newer"; readonly version: number };

/** A graph that says nothing is of version 1; one without any vertex is of its schema's. */
export function storedVersion(state: GraphState): SchemaVersionValue {
  const stored = vertexValue(state, SCHEMA_VERSION.name, SCHEMA_VERSION_ID) as SchemaVersionValue | undefined;
  return stored ?? { version: state.vertexCount === 0 ? state.schema.version : 1 };
}

/** Goes on with the migration to the schema's version, by `visitedMax` vertices at most. */
export function migrate(editor: Editor, visitedMax: number): MigrationOutcome {
  const { schema, state } = editor;
  const before = storedVersion(state);
  if (before.version > schema.version) return { kind: "newer", version: before.version };
  let { version, after } = before;
  let visited = 0;
  while (version < schema.version && visited < visitedMax) {
    const migration = schema.migrations[version - 1];
    if (migration === undefined) break;
    const { type, each } = migration;
    const page = pageOf(state, type, after, visitedMax - visited);
    for (const id of page) {
      // One before it may have removed it.
      const kept = state.vertices.get(type)?.get(id);
      if (kept === undefined) continue;
      const vertex = { id, value: writtenValue(state, type, id, kept), edges: edgesOf(state, type, id) };
      for (const change of each(vertex)) editor.apply(change);
    }
    visited += page.length;
    after = page.at(-1);
    if (visited >= visitedMax && after !== undefined) break;
    version++;
    after = undefined;
  }
  const isAltered = version !== before.version || after !== before.after;
  if (isAltered || (version > 1 && !state.vertices.has(SCHEMA_VERSION.name)))
    editor.putVertex(SCHEMA_VERSION.name, SCHEMA_VERSION_ID, { ...before, version, after });
  return version === schema.version ? { kind: "current", version } : { kind: "more", version, visited };
}

function pageOf(state: GraphState, type: string, after: string | undefined, limit: number): readonly string[] {
  const page: string[] = [];
  for (const [id] of state.vertices.get(type)?.entries(after) ?? []) {
    page.push(id);
    if (page.length === limit) break;
  }
  return page;
}
