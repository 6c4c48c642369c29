import { GraphError } from "./graph-error.ts";
import { type Migration, SCHEMA_VERSION, versionsOf } from "./migration.ts";
import { checkedName, RELATIONS_MAX, relationKey, TYPES_MAX } from "./names.ts";
import type { VertexValue } from "./value.ts";
import type { VertexType } from "./vertex-type.ts";

/** Some fields of a value, to be set; an optional one that is `undefined` is removed. */
export type Patch<V extends VertexValue> = {
  readonly [F in keyof V]?: object extends Pick<V, F> ? V[F] | undefined : V[F];
};

/** How many edges of a relation a vertex may have at that end. */
export type Cardinality = "one" | "many";

/** Ends of a relation: `from: "one"` gives each target at most one source, `to: "one"` each source at most one target. */
export interface RelationEnds<FC extends Cardinality = Cardinality, TC extends Cardinality = Cardinality> {
  readonly from: FC;
  readonly to: TC;
}

/** A kind of edge between two vertex types. */
export interface Relation<
  F extends string = string,
  T extends string = string,
  FC extends Cardinality = Cardinality,
  TC extends Cardinality = Cardinality,
> {
  readonly name: string;
  /** Identity, in memory, on the wire and in the store: `From.name.To`, which tells the types even to who knows no such relation. */
  readonly key: string;
  readonly from: VertexType<F>;
  readonly to: VertexType<T>;
  readonly ends: RelationEnds<FC, TC>;
}

/** Declares a kind of edge. Throws `bad-name`. */
export function relation<F extends string, T extends string, FC extends Cardinality, TC extends Cardinality>(
  name: string,
  from: VertexType<F>,
  to: VertexType<T>,
  ends: RelationEnds<FC, TC>,
): Relation<F, T, FC, TC> {
  return Object.freeze({ name, key: relationKey(from.name, name, to.name), from, to, ends });
}

/** Finds vertices of a type by something that their values say. */
export interface VertexIndex<N extends string = string, V extends VertexValue = VertexValue> {
  readonly name: string;
  readonly type: VertexType<N, V>;
  /** Under what to find a vertex with that value; `undefined`: it is not in this index. Depends on nothing else. */
  keyOf(value: V): string | undefined;
}

/** Declares an index. It is kept up to date by each change, at a cost of what changed. Throws `bad-name`. */
export function vertexIndex<N extends string, V extends VertexValue>(
  name: string,
  type: VertexType<N, V>,
  keyOf: (value: V) => string | undefined,
): VertexIndex<N, V> {
  checkedName(name);
  return Object.freeze({ name, type, keyOf });
}

export interface SchemaParts {
  readonly types: readonly VertexType[];
  readonly relations: readonly Relation[];
  /** Types whose vertices are there in their own right. What none of them reaches is garbage. */
  readonly roots: readonly VertexType[];
  readonly indexes?: readonly VertexIndex[];
  /** What leads from each version of the schema to the next, the first of them from version 1. See {@link Migration}. */
  readonly migrations?: readonly Migration[];
}

/** Each costs work at each change of its type. */
const INDEXES_MAX = 64;

/** All that a version of the program knows of the graph. A graph may hold more: what a newer version put there. */
export class Schema {
  readonly types: ReadonlyMap<string, VertexType>;
  /** By key. */
  readonly relations: ReadonlyMap<string, Relation>;
  readonly roots: ReadonlySet<string>;
  /** By name. */
  readonly indexes: ReadonlyMap<string, VertexIndex>;
  /** Of the schema, and of a graph that it has been applied to. */
  readonly version: number;
  readonly migrations: readonly Migration[];
  readonly #indexesOf = new Map<string, VertexIndex[]>();

  /** Throws `not-in-schema` for a part that refers to an undeclared one, `exists` for a name declared twice. */
  constructor({ types, relations, roots, indexes = [], migrations = [] }: SchemaParts) {
    if (types.length > TYPES_MAX || relations.length > RELATIONS_MAX || indexes.length > INDEXES_MAX)
      throw new GraphError(
        "limit",
        `a schema has at most ${TYPES_MAX} types, ${RELATIONS_MAX} relations and ${INDEXES_MAX} indexes`,
      );
    this.types = unique([...types, SCHEMA_VERSION], (type) => type.name);
    this.relations = unique(relations, (each) => each.key);
    this.indexes = unique(indexes, (each) => each.name);
    for (const { from, to } of relations) for (const end of [from, to]) this.checkType(end);
    for (const root of roots) this.checkType(root);
    for (const index of indexes) {
      this.checkType(index.type);
      this.#indexesOf.set(index.type.name, [...this.indexesOf(index.type.name), index]);
    }
    this.roots = new Set(roots.map((root) => root.name));
    this.migrations = migrations;
    this.version = versionsOf(migrations);
  }

  /** Indexes of a type, by its name. */
  indexesOf(type: string): readonly VertexIndex[] {
    return this.#indexesOf.get(type) ?? [];
  }

  /** Throws `not-in-schema` unless `each` is declared here. */
  checkIndex(each: VertexIndex): void {
    if (this.indexes.get(each.name) !== each)
      throw new GraphError("not-in-schema", `index ${each.name} is not the one of this schema; add it to its indexes`);
  }

  /** Throws `not-in-schema` unless `type` is declared here. */
  checkType(type: VertexType): void {
    if (this.types.get(type.name) !== type)
      throw new GraphError(
        "not-in-schema",
        `vertex type ${type.name} is not the one of this schema; add it to its types`,
      );
  }

  /** Throws `not-in-schema` unless `each` is declared here. */
  checkRelation(each: Relation): void {
    if (this.relations.get(each.key) !== each)
      throw new GraphError(
        "not-in-schema",
        `relation ${each.key} is not the one of this schema; add it to its relations`,
      );
  }
}

function unique<T>(parts: readonly T[], keyOf: (part: T) => string): Map<string, T> {
  const map = new Map<string, T>();
  for (const part of parts) {
    if (map.has(keyOf(part))) throw new GraphError("exists", `${keyOf(part)} is declared twice in a schema`);
    map.set(keyOf(part), part);
  }
  return map;
}
