import {
  changesToStore,
  encodeChange,
  Graph,
  GraphError,
  graphFromStore,
  Schema,
  vertexIndex,
} from "@halon/resource-graph";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dependsOn, hasInstance, Node, runsOn, Service, ServiceInstance, schema, up } from "./model.ts";

const byState = vertexIndex("byState", Node, (node) => node.state);
/** Only those that were booted more than once. */
const byBoots = vertexIndex("byBoots", Node, (node) => (node.bootNumber > 1 ? `${node.bootNumber}` : undefined));
const indexed = new Schema({
  types: [Node, Service, ServiceInstance],
  relations: [runsOn, hasInstance, dependsOn],
  roots: [Node],
  indexes: [byState, byBoots],
});

describe("indexes", () => {
  it("RG1 find vertices by what their values say, and follow each change", () => {
    const { graph } = Graph.empty(indexed).change((draft) => {
      for (const id of ["c", "a", "b"]) draft.insert(Node, id, up);
      draft.update(Node, "b", { state: "down", bootNumber: 2 });
      expect(draft.by(byState, "down")).toEqual(["b"]);
    });
    expect([graph.by(byState, "up"), graph.by(byState, "down"), graph.by(byState, "suspect")]).toEqual([
      ["a", "c"],
      ["b"],
      [],
    ]);
    expect([...graph.keysOf(byState)]).toEqual(["down", "up"]);
    expect([graph.countBy(byState, "up"), graph.by(byBoots, "2")]).toEqual([2, ["b"]]);
    const later = graph.change((draft) => {
      draft.remove(Node, "b");
      draft.update(Node, "a", { state: "down", bootNumber: 3 });
    }).graph;
    expect([later.by(byState, "down"), [...later.keysOf(byBoots)]]).toEqual([["a"], ["3"]]);
    expect(graph.by(byState, "down")).toEqual(["b"]);
  });

  it("RG1 say the same as a look at all vertices, in a graph that was changed and in one that was loaded", () => {
    const id = fc.constantFrom("1", "2", "a/b", "ü%", "a-b", "a.b");
    const op = fc.oneof(
      fc.record({ id, state: fc.constantFrom("up" as const, "down" as const), boots: fc.nat(3) }),
      fc.record({ id, gone: fc.constant(true) }),
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 40, size: "max" }), fc.array(op, { maxLength: 10 }), (first, second) => {
        const run = (graph: Graph, program: typeof first): Graph =>
          graph.change((draft) => {
            for (const each of program)
              if ("gone" in each) draft.remove(Node, each.id);
              else draft.put(Node, each.id, { state: each.state, bootNumber: each.boots });
          }).graph;
        const grown = run(Graph.empty(indexed), first);
        const stored = changesToStore([...grown.entries()].map(encodeChange))
          .map(({ key, value }) => [key, value as Uint8Array] as const)
          .sort(([a], [b]) => (a < b ? -1 : 1));
        for (const graph of [run(grown, second), run(graphFromStore(indexed, stored), second)])
          for (const index of [byState, byBoots]) {
            const found = new Map<string, string[]>();
            for (const [node, value] of graph.all(Node)) {
              const key = index.keyOf(value);
              if (key !== undefined) found.set(key, [...(found.get(key) ?? []), node]);
            }
            expect([...graph.keysOf(index)]).toEqual([...found.keys()].sort());
            for (const [key, ids] of found) expect(graph.by(index, key)).toEqual(ids);
          }
      }),
      { numRuns: 100 },
    );
  });

  it("of another schema are refused", () => {
    expect(() => Graph.empty(schema).by(byState, "up")).toThrow(GraphError);
    expect(() => new Schema({ types: [Service], relations: [], roots: [], indexes: [byState] })).toThrow("Node");
  });
});

describe("paths", () => {
  const { graph } = Graph.empty(schema).change((draft) => {
    const nodes = ["n1", "n2"].map((id) => draft.insert(Node, id, up));
    for (const name of ["web", "db", "log", "alone"]) draft.insert(Service, name, { name });
    for (const [at, name] of ["web/0", "web/1", "db/0"].entries()) {
      const instance = draft.insert(ServiceInstance, name, { name });
      draft.connect(hasInstance, Service.id(name.split("/")[0] as string), instance);
      draft.connect(runsOn, instance, nodes[at % 2] as (typeof nodes)[0]);
    }
    draft.connect(dependsOn, Service.id("web"), Service.id("db"));
    draft.connect(dependsOn, Service.id("db"), Service.id("log"));
    draft.connect(dependsOn, Service.id("log"), Service.id("web"));
  });

  it("RG1 lead on from all vertices at once, forward and backward, each found once", () => {
    const web = graph.from(Service, Service.id("web"));
    expect(web.out(hasInstance).out(runsOn).ids()).toEqual(["n1", "n2"]);
    expect(graph.from(Node, Node.id("n1")).in(runsOn).in(hasInstance).ids()).toEqual(["db", "web"]);
    expect(web.out(dependsOn).out(dependsOn).out(dependsOn).count).toBe(1);
    expect(graph.from(Service, Service.id("none")).out(hasInstance).ids()).toEqual([]);
  });

  it("RG1 the shortest between two vertices is found through cycles, or told not to be there", () => {
    const path = (to: string, options = {}) =>
      graph.path([Service, Service.id("web")], [Service, Service.id(to)], options);
    expect(path("log")).toEqual([
      { relation: dependsOn.key, from: "web", to: "db" },
      { relation: dependsOn.key, from: "db", to: "log" },
    ]);
    expect([path("web"), path("alone"), path("none")]).toEqual([[], undefined, undefined]);
    expect(path("log", { relations: [hasInstance] })).toBeUndefined();
    expect(path("log", { visitsMax: 2 })).toBe("tooFar");
    const toNode = graph.path([Service, Service.id("web")], [Node, Node.id("n2")]);
    expect(toNode).toMatchObject([{ relation: hasInstance.key }, { relation: runsOn.key, to: "n2" }]);
  });
});
