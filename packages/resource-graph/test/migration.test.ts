import {
  changesToStore,
  encodeChange,
  Graph,
  type GraphChange,
  GraphError,
  graphFromStore,
  type Migration,
  type OldVertex,
  relation,
  rewriting,
  SCHEMA_VERSION,
  SCHEMA_VERSION_ID,
  Schema,
  type VertexType,
  vertexType,
} from "@halon/resource-graph";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

type Old = { readonly host: string };
type New = { readonly name: string; readonly tries: number };

const oldValue = (value: unknown): Old | string =>
  typeof (value as Old).host === "string" ? (value as Old) : "host is expected";
const newValue = (value: unknown): New | string =>
  typeof (value as New).tries === "number" ? (value as New) : "tries is expected";
const anything = (value: unknown): Record<string, never> => value as Record<string, never>;

const Root = vertexType("Root", anything);
const schemaOf = (
  node: VertexType,
  migrations: readonly Migration[] = [],
  more: readonly VertexType[] = [],
): Schema => {
  const holds = relation("holds", Root, node, { from: "one", to: "many" });
  return new Schema({ types: [Root, node, ...more], relations: [holds], roots: [Root], migrations });
};

const NodeV1 = vertexType("Node", oldValue);
const v1 = schemaOf(NodeV1);
const v2 = schemaOf(vertexType("Node", newValue), [
  rewriting(2, "Node", ({ host, ...rest }) => ({ ...rest, name: host, tries: 0 })),
]);

/** To version 3: nodes are machines, and what leads to them leads there. */
const renamed = ({ id, value, edges }: OldVertex): readonly GraphChange[] => [
  ...edges.map((edge): GraphChange => ({ kind: "removeEdge", ...edge })),
  { kind: "removeVertex", type: "Node", id },
  { kind: "putVertex", type: "Machine", id, value },
  ...edges.map(({ from }): GraphChange => ({ kind: "putEdge", relation: "Root.holds.Machine", from, to: id })),
];
const Machine = vertexType("Machine", newValue);
const v3 = schemaOf(Machine, [...v2.migrations, { to: 3, type: "Node", each: renamed }]);

function oldGraph(count: number): readonly GraphChange[] {
  const { graph } = Graph.empty(v1).change((draft) => {
    draft.insert(Root, "r", {});
    for (let at = 0; at < count; at++) {
      draft.insert(NodeV1, `n${at}`, { host: `h${at}` });
      draft.apply([{ kind: "putEdge", relation: "Root.holds.Node", from: "r", to: `n${at}` }]);
    }
  });
  return [...graph.entries()];
}

/** As a process finds it in a store. */
function loaded(schema: Schema, entries: readonly GraphChange[]): Graph {
  const writes = changesToStore(entries.map(encodeChange));
  return graphFromStore(
    schema,
    writes.map(({ key, value }) => [key, value as Uint8Array] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

describe("migration between schema versions", () => {
  it("RG6 rewrites values, in parts, and says how far it is", () => {
    let graph = loaded(v2, oldGraph(5));
    expect([graph.schemaVersion, v2.version]).toEqual([1, 2]);
    expect(() => graph.get([...v2.types.values()][1] as VertexType, "n0")).toThrow('Node "n0": tries is expected');
    const outcomes: unknown[] = [];
    for (let part = 0; part < 3; part++) {
      const { graph: next, result, changes } = graph.change((draft) => draft.migrate(2));
      outcomes.push([result, changes.length]);
      graph = next;
    }
    expect(outcomes).toEqual([
      [{ kind: "more", version: 1, visited: 2 }, 3],
      [{ kind: "more", version: 1, visited: 2 }, 3],
      [{ kind: "current", version: 2 }, 2],
    ]);
    expect(graph.schemaVersion).toBe(2);
    expect(graph.change((draft) => draft.migrate()).changes).toEqual([]);
    const entries = [...graph.entries()].filter((entry) => entry.kind === "putVertex" && entry.type === "Node");
    expect(entries[4]).toMatchObject({ id: "n4", value: { name: "h4", tries: 0 } });
  });

  it("RG6 through several versions, wherever it is interrupted, comes to the same", () => {
    const entries = oldGraph(7);
    const whole = loaded(v3, entries).change((draft) => draft.migrate(1_000)).graph;
    expect([whole.count(Machine), whole.schemaVersion, whole.edgeCount]).toEqual([7, 3, 7]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }), (parts) => {
        let stored: readonly GraphChange[] = entries;
        for (let part = 0; ; part++) {
          // Each part by a process of its own, which has nothing but what was stored.
          const before = loaded(v3, stored);
          const { changes, result } = before.change((draft) => draft.migrate(parts[part % parts.length]));
          stored = [...before.apply(changes).entries()];
          if (result.kind === "current") break;
        }
        expect(stored).toEqual([...whole.entries()]);
      }),
      { numRuns: 30 },
    );
  });

  it("RG6 leaves a graph of a newer version alone, which survives an older process", () => {
    const newer = loaded(v3, oldGraph(2)).change((draft) => draft.migrate()).graph;
    const seen = loaded(v1, [...newer.entries()]);
    expect(seen.change((draft) => draft.migrate())).toMatchObject({
      changes: [],
      result: { kind: "newer", version: 3 },
    });
    expect([...seen.entries()]).toEqual([...newer.entries()]);
  });

  it("RG4 the version is no root, and no garbage", () => {
    const graph = loaded(v3, oldGraph(1)).change((draft) => draft.migrate()).graph;
    const kept = graph.change((draft) => draft.collectGarbage()).graph;
    expect(kept.get(SCHEMA_VERSION, SCHEMA_VERSION_ID)).toEqual({ version: 3 });
    const rootless = graph.change((draft) => draft.remove(Root, "r")).graph;
    expect(rootless.change((draft) => draft.collectGarbage()).result.kind).toBe("noRoots");
  });

  it("a new graph is of its schema's version, and says so when it is first migrated", () => {
    const { graph, result } = Graph.empty(v3).change((draft) => draft.migrate());
    expect([result, graph.schemaVersion, graph.vertexCount]).toEqual([{ kind: "current", version: 3 }, 3, 1]);
    expect(Graph.empty(v1).change((draft) => draft.migrate()).changes).toEqual([]);
  });

  it("versions follow each other, and changes that do not fit are refused whole", () => {
    expect(() => schemaOf(NodeV1, [rewriting(3, "Node", (value) => value)])).toThrow("2 is the next version");
    const broken = schemaOf(vertexType("Node", newValue), [rewriting(2, "Node", () => ({}))]);
    const graph = loaded(broken, oldGraph(3));
    expect(() => graph.change((draft) => draft.migrate())).toThrow(GraphError);
    expect(graph.schemaVersion).toBe(1);
  });
});
