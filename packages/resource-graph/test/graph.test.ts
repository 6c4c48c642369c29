import { Graph, type GraphChange, GraphError, vertexType } from "@halon/resource-graph";
import { describe, expect, it } from "vitest";
import {
  Cluster,
  contains,
  dependsOn,
  hasInstance,
  holds,
  Node,
  Rack,
  runsOn,
  Service,
  ServiceInstance,
  schema,
  standbyOf,
  up,
} from "./model.ts";

const empty = Graph.empty(schema);
const entries = (graph: Graph): GraphChange[] => [...graph.entries()];
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof GraphError) return error.code;
    throw error;
  }
  return "none";
};

const { graph: web, result: ids } = empty.change((draft) => {
  const node = (id: string) => draft.insert(Node, id, up);
  const instance = (id: string) => draft.insert(ServiceInstance, id, { name: id });
  const nodes = [node("user-1"), node("user-2"), node("user-3")] as const;
  const service = draft.insert(Service, "web", { name: "web" });
  const instances = [instance("web/1"), instance("web/2")] as const;
  for (const each of instances) {
    draft.connect(hasInstance, service, each);
    draft.connect(runsOn, each, nodes[0]);
  }
  return { nodes, service, instances };
});
const [node1, node2, node3] = ids.nodes;
const [web1, web2] = ids.instances;

describe("queries", () => {
  it("RG1 forward and backward, by type, by relation", () => {
    expect(web.outOne(runsOn, web1)).toBe("user-1");
    expect(web.in(runsOn, node1)).toEqual(["web/1", "web/2"]);
    expect(web.in(runsOn, node2)).toEqual([]);
    expect(web.inOne(hasInstance, web2)).toBe("web");
    expect(web.out(hasInstance, ids.service)).toEqual(["web/1", "web/2"]);
    expect([web.outCount(hasInstance, ids.service), web.inCount(runsOn, node1), web.inCount(runsOn, node3)]).toEqual([
      2, 2, 0,
    ]);
    expect([web.connected(runsOn, web1, node1), web.connected(runsOn, web1, node2)]).toEqual([true, false]);
    expect([...web.all(Node)].map(([id]) => id)).toEqual(["user-1", "user-2", "user-3"]);
    expect([...web.all(Node, "user-1")].map(([id]) => id)).toEqual(["user-2", "user-3"]);
    expect([web.count(Node), web.count(Cluster), web.vertexCount, web.edgeCount]).toEqual([3, 0, 6, 4]);
    expect(web.get(Node, "user-1")).toEqual(up);
    expect([web.has(Node, "user-9"), web.has(Service, "user-1")]).toEqual([false, false]);
  });

  it("keeps values frozen and away from the caller's object", () => {
    const mine = { name: "web", tags: ["a"] };
    const { graph } = empty.change((draft) => draft.insert(Service, "web", mine));
    mine.tags.push("b");
    const kept = graph.get(Service, "web") as unknown as typeof mine;
    expect(kept).toEqual({ name: "web", tags: ["a"] });
    expect([Object.isFrozen(kept), Object.isFrozen(kept.tags)]).toEqual([true, true]);
  });

  it("gives the same order whatever the history", () => {
    const build = (order: readonly string[]): Graph =>
      empty.change((draft) => order.forEach((id) => void draft.insert(Node, id, up))).graph;
    const names = Array.from({ length: 300 }, (_, index) => `n${index}`);
    const grown = build([...names, "extra"]).change((draft) => draft.remove(Node, "extra")).graph;
    expect(entries(build([...names].reverse()))).toEqual(entries(grown));
  });
});

describe("cardinality", () => {
  it("RG1 an edge with at-most-one cardinality replaces its predecessor, on both ends", () => {
    const moved = web.change((draft) => draft.connect(runsOn, web1, node2));
    expect(moved.graph.outOne(runsOn, web1)).toBe("user-2");
    expect(moved.graph.in(runsOn, node1)).toEqual(["web/2"]);
    expect(moved.changes).toEqual([
      { kind: "removeEdge", relation: runsOn.key, from: "web/1", to: "user-1" },
      { kind: "putEdge", relation: runsOn.key, from: "web/1", to: "user-2" },
    ]);
    const pairs = web.change((draft) => {
      draft.connect(standbyOf, node1, node2);
      draft.connect(standbyOf, node3, node1);
      draft.connect(standbyOf, node3, node2);
    }).graph;
    expect([pairs.outOne(standbyOf, node1), pairs.inOne(standbyOf, node1)]).toEqual([undefined, undefined]);
    expect([pairs.outOne(standbyOf, node3), pairs.inOne(standbyOf, node2)]).toEqual(["user-2", "user-3"]);
    // The old snapshot is as it was.
    expect([web.outOne(runsOn, web1), web.inOne(standbyOf, node2)]).toEqual(["user-1", undefined]);
  });

  it("refuses a change against it and names both edges", () => {
    const change: GraphChange = { kind: "putEdge", relation: runsOn.key, from: "web/1", to: "user-2" };
    expect(() => web.apply([change])).toThrow(/"web\/1" to "user-2".*"web\/1" to "user-1" is in its way/);
    expect(codeOf(() => web.apply([change]))).toBe("cardinality");
  });
});

describe("changes of one transaction", () => {
  it("RG2 connect then disconnect leaves nothing, disconnect then connect neither", () => {
    const none = web.change((draft) => {
      draft.connect(dependsOn, draft.insert(Service, "db", { name: "db" }), ids.service);
      draft.disconnect(runsOn, web1, node1);
      draft.connect(runsOn, web1, node1);
      draft.remove(Service, "db");
      draft.update(Node, "user-1", { state: "down" });
      draft.update(Node, "user-1", { state: "up" });
    });
    expect(none.changes).toEqual([]);
    expect(entries(none.graph)).toEqual(entries(web));
  });

  it("RG2 remove then re-insert a vertex leaves its lost edges and its new value", () => {
    const again = web.change((draft) => {
      draft.remove(Node, "user-1");
      draft.insert(Node, "user-1", { ...up, bootNumber: 2 });
      draft.connect(runsOn, web2, node1);
    });
    expect(again.changes).toEqual([
      { kind: "removeEdge", relation: runsOn.key, from: "web/1", to: "user-1" },
      { kind: "putVertex", type: "Node", id: "user-1", value: { state: "up", bootNumber: 2 } },
    ]);
    expect(entries(web.apply(again.changes))).toEqual(entries(again.graph));
  });

  it("removing a vertex removes its edges, before it", () => {
    const { changes, graph } = web.change((draft) => draft.remove(ServiceInstance, "web/1"));
    expect(changes).toEqual([
      { kind: "removeEdge", relation: hasInstance.key, from: "web", to: "web/1" },
      { kind: "removeEdge", relation: runsOn.key, from: "web/1", to: "user-1" },
      { kind: "removeVertex", type: "ServiceInstance", id: "web/1" },
    ]);
    expect(graph.out(hasInstance, ids.service)).toEqual(["web/2"]);
  });

  it("RG2 several lists combine into one net list", () => {
    const first = web.change((draft) => draft.connect(runsOn, web1, node2));
    const second = first.graph.change((draft) => {
      draft.connect(runsOn, web1, node1);
      draft.remove(Node, "user-2");
    });
    expect(web.combine([first.changes, second.changes])).toEqual([
      { kind: "removeVertex", type: "Node", id: "user-2" },
    ]);
  });

  it("what throws has changed nothing, and a draft ends with its change", () => {
    expect(() =>
      web.change((draft) => {
        draft.remove(Node, "user-1");
        throw new Error("step failed");
      }),
    ).toThrow("step failed");
    expect(web.in(runsOn, node1)).toEqual(["web/1", "web/2"]);
    const kept = web.change((draft) => draft).result;
    expect(() => kept.remove(Node, "user-1")).toThrow("after its change had ended");
  });
});

describe("refusals", () => {
  it.each([
    ["a vertex that is there", "exists", () => web.change((draft) => draft.insert(Node, "user-1", up))],
    ["update of none", "absent", () => web.change((draft) => draft.update(Node, "user-9", {}))],
    ["an edge to none", "absent", () => web.change((draft) => draft.connect(runsOn, web1, Node.id("user-9")))],
    ["an edge to itself", "self-edge", () => web.change((draft) => draft.connect(dependsOn, ids.service, ids.service))],
    ["an empty id", "bad-id", () => Node.id("")],
    ["a long id", "bad-id", () => Node.id("x".repeat(257))],
    ["an id too long when escaped", "bad-id", () => Node.id("ü".repeat(100))],
    ["half a surrogate pair", "bad-id", () => Node.id("\ud800")],
    ["a type's name with a dot", "bad-name", () => vertexType("a.b", () => ({}))],
    [
      "a foreign type",
      "not-in-schema",
      () =>
        web.get(
          vertexType("Node", () => ({})),
          "user-1",
        ),
    ],
    [
      "a value its type refuses",
      "bad-value",
      () => web.apply([{ kind: "putVertex", type: "Node", id: "x", value: { state: "odd" } }]),
    ],
    [
      "a number that JSON has not",
      "bad-value",
      () => web.change((draft) => draft.put(Node, "x", { ...up, bootNumber: Number.NaN })),
    ],
    [
      "a value too large",
      "bad-value",
      () => web.change((draft) => draft.put(Service, "x", { name: "x".repeat(70_000) })),
    ],
    [
      "a vertex removed under its edges",
      "dangling",
      () => web.apply([{ kind: "removeVertex", type: "Node", id: "user-1" }]),
    ],
    [
      "an edge of a malformed relation",
      "bad-name",
      () => web.apply([{ kind: "putEdge", relation: "runsOn", from: "a", to: "b" }]),
    ],
    ["merging into none", "absent", () => web.change((draft) => draft.merge(Node, "user-1", "user-9"))],
  ])("%s: %s", (_, code, work) => {
    expect(codeOf(work)).toBe(code);
  });

  it("changes that are so already are no error", () => {
    const nothing: GraphChange[] = [
      { kind: "removeEdge", relation: runsOn.key, from: "web/1", to: "user-3" },
      { kind: "removeVertex", type: "Rack", id: "none" },
      { kind: "putEdge", relation: runsOn.key, from: "web/1", to: "user-1" },
    ];
    expect(entries(web.apply(nothing))).toEqual(entries(web));
  });
});

describe("merge", () => {
  it("RG3 keeps all edges, makes no self-edges, and says which found no room", () => {
    const { graph, result } = web.change((draft) => {
      draft.connect(standbyOf, node1, node2);
      draft.connect(standbyOf, node3, node1);
      draft.connect(runsOn, web2, node2);
      return draft.merge(Node, node1, node2, (into, gone) => ({
        ...into,
        bootNumber: into.bootNumber + gone.bootNumber,
      }));
    });
    expect(result).toEqual([]);
    expect(graph.has(Node, node1)).toBe(false);
    expect(graph.get(Node, node2)).toEqual({ state: "up", bootNumber: 2 });
    expect(graph.in(runsOn, node2)).toEqual(["web/1", "web/2"]);
    expect([graph.inOne(standbyOf, node2), graph.outOne(standbyOf, node2)]).toEqual(["user-3", undefined]);
    const taken = web.change((draft) => {
      draft.connect(runsOn, web2, node2);
      return draft.merge(ServiceInstance, web1, web2);
    });
    expect(taken.result).toEqual([{ relation: runsOn.key, from: "web/2", to: "user-1" }]);
    expect(taken.graph.outOne(runsOn, web2)).toBe("user-2");
  });
});

describe("garbage collection", () => {
  const racked = web.change((draft) => {
    const cluster = draft.insert(Cluster, "c", { name: "c" });
    const rack = draft.insert(Rack, "r", { name: "r" });
    draft.connect(contains, cluster, rack);
    draft.connect(holds, rack, node1);
  }).graph;

  it("RG4 removes what no root reaches, cycles too, and keeps the rest", () => {
    const { graph, result } = racked.change((draft) => {
      const [x, y] = [draft.insert(Service, "x", { name: "x" }), draft.insert(Service, "y", { name: "y" })];
      draft.connect(dependsOn, x, y);
      draft.connect(dependsOn, y, x);
      return draft.collectGarbage();
    });
    expect(result).toEqual({ kind: "collected", removed: 7, left: 0 });
    expect(entries(graph).map((entry) => ("id" in entry ? entry.id : entry.relation))).toEqual([
      "c",
      "user-1",
      "r",
      contains.key,
      holds.key,
    ]);
  });

  it("RG4 a graph without roots is not emptied silently", () => {
    const { changes, result } = web.change((draft) => draft.collectGarbage());
    expect(result).toEqual({ kind: "noRoots", vertexCount: 6 });
    expect(changes).toEqual([]);
  });

  it("RG4 runs by threshold, and in parts", () => {
    const early = racked.change((draft) => draft.collectGarbage({ looseMin: 1 }));
    expect(early.result).toEqual({ kind: "notDue", looseCount: 0 });
    const loose = racked.change((draft) => draft.disconnect(runsOn, web1, node1)).graph;
    const part = loose.change((draft) => draft.collectGarbage({ looseMin: 1, removedMax: 2 }));
    expect(part.result).toEqual({ kind: "collected", removed: 2, left: 3 });
    const rest = part.graph.change((draft) => draft.collectGarbage({ looseMin: 1 }));
    expect(rest.result).toEqual({ kind: "collected", removed: 3, left: 0 });
    expect(rest.graph.looseCount).toBe(0);
  });
});
