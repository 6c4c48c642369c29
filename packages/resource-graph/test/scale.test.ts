import { changesToStore, encodeChange, Graph, GraphError, GraphLoader, graphFromStore } from "@halon/resource-graph";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Node, runsOn, ServiceInstance, schema, standbyOf, up } from "./model.ts";
import { ops, randomSchema, runBoth, twinRelations } from "./random-graph.ts";
import { Twin } from "./twin.ts";

afterEach(() => void vi.restoreAllMocks());

type Stored = readonly (readonly [key: string, value: Uint8Array])[];

const stored = (graph: Graph): Stored =>
  changesToStore([...graph.entries()].map(encodeChange))
    .map(({ key, value }) => [key, value as Uint8Array] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));

function large(nodeCount: number): Graph {
  return Graph.empty(schema).change((draft) => {
    for (let at = 0; at < nodeCount; at++) draft.insert(Node, `n${at}`, up);
    for (let at = 0; at < 2 * nodeCount; at++)
      draft.connect(runsOn, draft.insert(ServiceInstance, `web/${at}`, { name: "w" }), Node.id(`n${at % nodeCount}`));
  }).graph;
}

describe("a large graph", () => {
  it("RG5 a change copies a few nodes of the trees, however large they are, and shares the rest", () => {
    const copies = [500, 10_000].map((nodeCount) => {
      const graph = large(nodeCount);
      const slice = vi.spyOn(Array.prototype, "slice");
      const { changes } = graph.change((draft) => {
        draft.update(Node, "n7", { bootNumber: 2 });
        draft.connect(runsOn, ServiceInstance.id("web/3"), Node.id("n7"));
      });
      const count = slice.mock.calls.length;
      slice.mockRestore();
      expect(changes.length).toBe(3);
      return count;
    });
    // A level of a tree more, perhaps two, for each of those that are touched: two copies each.
    expect(copies[1]).toBeLessThanOrEqual((copies[0] as number) + 16);
    expect(copies[1]).toBeLessThan(60);
  });

  it("RG5 is loaded in pieces, and from entries that lie one after the other", () => {
    const graph = large(20_000);
    const loader = new GraphLoader(schema);
    for (const [key, value] of stored(graph)) {
      if (key.startsWith("vr/")) continue;
      const bytes = Buffer.concat([Buffer.from(`..${key}`), value, Buffer.from("..")]);
      loader.addFrom(bytes, 2, 2 + key.length, 2 + key.length + value.length);
    }
    const course = loader.finishing();
    let pieces = 0;
    let loaded: Graph | undefined;
    for (let step = course.next(); ; step = course.next()) {
      if (step.done === true) {
        loaded = step.value;
        break;
      }
      pieces++;
    }
    // Three types, and twice two relations from both ends, 16 384 edges at a time.
    expect(pieces).toBeGreaterThan(8);
    expect([loaded.vertexCount, loaded.edgeCount]).toEqual([60_000, 40_000]);
    expect(loaded.in(runsOn, Node.id("n5"))).toEqual(["web/20005", "web/5"]);
  });

  it("RG5 loaded, it is the graph that was stored, and goes on as that does", () => {
    fc.assert(
      fc.property(ops(120), ops(40), (first, second) => {
        const twin = new Twin(twinRelations);
        const grown = runBoth(Graph.empty(randomSchema), twin, first).graph;
        const loaded = graphFromStore(randomSchema, stored(grown));
        expect([...loaded.entries()]).toEqual([...grown.entries()]);
        for (const relation of randomSchema.relations.values())
          for (const { type, id } of twin.vertices) {
            if (relation.from.name === type)
              expect(loaded.out(relation, relation.from.id(id))).toEqual(grown.out(relation, relation.from.id(id)));
            if (relation.to.name === type)
              expect(loaded.in(relation, relation.to.id(id))).toEqual(grown.in(relation, relation.to.id(id)));
          }
        const twins = [twin.copy(), twin.copy()] as const;
        const [after, before] = [runBoth(loaded, twins[0], second), runBoth(grown, twins[1], second)];
        expect(after.changes).toEqual(before.changes);
        expect([...after.graph.entries()]).toEqual([...before.graph.entries()]);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ["two edges where one may be", "cardinality", ["v/Node/a", "v/Node/b", "v/Node/c", "e/a/b", "e/a/c"]],
    ["the same from the other end", "cardinality", ["v/Node/a", "v/Node/b", "v/Node/c", "e/a/c", "e/b/c"]],
    ["an edge to itself", "self-edge", ["v/Node/a", "e/a/a"]],
    ["an edge to nothing", "absent", ["v/Node/a", "e/a/b"]],
    ["an edge from nothing", "absent", ["v/Node/b", "e/a/b"]],
    ["a vertex behind an edge", "bad-format", ["v/Node/a", "v/Node/b", "e/a/b", "v/Node/c"]],
    ["a key that is none", "bad-format", ["v/Node/a", "v/Node/b/c"]],
    ["an id that no graph writes", "bad-format", ["v/Node/%41"]],
  ])("what cannot be a graph is refused: %s", (_, code, keys) => {
    const loader = new GraphLoader(schema);
    const value = Buffer.from(JSON.stringify(up));
    try {
      for (const key of keys)
        if (key.startsWith("v/")) loader.add(key, value);
        else loader.add(`ve/${standbyOf.key}${key.slice(1)}`, new Uint8Array());
      loader.finish();
      expect.unreachable("it was loaded");
    } catch (error) {
      expect(error).toBeInstanceOf(GraphError);
      expect((error as GraphError).code).toBe(code);
    }
  });
});
