import type { EdgeRef, GraphChange } from "./graph-change.ts";
import { GraphError } from "./graph-error.ts";
import { checkedId, type Id, type IdText } from "./names.ts";
import type { VertexValue } from "./value.ts";
import type { VertexType } from "./vertex-type.ts";

/** A vertex as a migration sees it: as it was written, by whichever version. */
export interface OldVertex {
  readonly id: string;
  readonly value: VertexValue;
  /** All of its edges, of relations that this version does not know any more as well. */
  readonly edges: readonly EdgeRef[];
}

/**
 * Leads from one version of a schema to the next, vertex by vertex, in as many changes as that takes. In between, and when
 * it was interrupted, the graph says how far it is.
 */
export interface Migration {
  /** The version that is reached. */
  readonly to: number;
  /** Vertices of this type are looked at, in order of their ids; one that the schema does not declare any more as well. */
  readonly type: string;
  /** What to change for the sake of this vertex. A vertex of this type that it adds is looked at too, if its id is above. */
  each(vertex: OldVertex): readonly GraphChange[];
}

/** A migration that gives each value of a type another form. */
export const rewriting = (to: number, type: string, rewrite: (value: VertexValue) => VertexValue): Migration => ({
  to,
  type,
  each: ({ id, value }) => [{ kind: "putVertex", type, id, value: rewrite(value) }],
});

/** What a graph says of its own version. */
export interface SchemaVersionValue extends VertexValue {
  readonly version: number;
  /** Of the migration to the next version: it is done up to this id. */
  readonly after?: string;
}

function parseVersion(value: unknown): SchemaVersionValue | string {
  const { version, after } = value as { readonly version?: unknown; readonly after?: unknown };
  if (!Number.isSafeInteger(version) || (version as number) < 1) return "a version from 1 on is expected";
  return after === undefined || typeof after === "string" ? (value as SchemaVersionValue) : "after is an id";
}

/** Type of the one vertex that tells the version; every schema has it, and it keeps nothing else alive. */
export const SCHEMA_VERSION: VertexType<"SchemaVersion", SchemaVersionValue> = Object.freeze({
  name: "SchemaVersion",
  parse: parseVersion,
  id: (text: IdText<"SchemaVersion">): Id<"SchemaVersion"> => checkedId("SchemaVersion", text),
});
export const SCHEMA_VERSION_ID = "graph";

/** The version that migrations lead to. Throws `bad-format` unless they follow each other from version 1 on. */
export function versionsOf(migrations: readonly Migration[]): number {
  for (const [at, { to, type }] of migrations.entries())
    if (to !== at + 2)
      throw new GraphError("bad-format", `migration of ${type} to version ${to}: ${at + 2} is the next version`);
  return migrations.length + 1;
}
