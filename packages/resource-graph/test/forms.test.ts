import {
  changesToStore,
  decodeChange,
  decodeValue,
  edgeKey,
  edgePrefix,
  encodeChange,
  encodeValue,
  fromJson,
  Graph,
  type GraphChange,
  GraphError,
  GraphLoader,
  graphFromStore,
  parseStoreKey,
  prefixEnd,
  reverseKey,
  reversePrefix,
  STORE_KEY_CHARS_MAX,
  STORE_RANGE,
  type StoreWrite,
  toDot,
  toJson,
  vertexKey,
  vertexPrefix,
} from "@halon/resource-graph";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Node, runsOn, ServiceInstance, schema, up } from "./model.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A sorted store, the dumb way. */
const writeAll = (store: Map<string, Uint8Array>, writes: readonly StoreWrite[]): void => {
  for (const { key, value } of writes) {
    if (value === undefined) store.delete(key);
    else store.set(key, value);
  }
};
const inOrder = (store: Map<string, Uint8Array>) => [...store].sort(([a], [b]) => (a < b ? -1 : 1));

/** What a newer version wrote: a type and relations that this one does not know. */
const newer: GraphChange[] = [
  { kind: "putVertex", type: "Gpu", id: "gpu/0", value: { memoryMib: 81_920, vendor: { name: "x", ids: [1, null] } } },
  { kind: "putVertex", type: "Node", id: "user-1", value: { ...up, zone: "new field" } },
  { kind: "putVertex", type: "Node", id: "user-2", value: up },
  { kind: "putEdge", relation: "Gpu.near.Gpu2", from: "gpu/0", to: "é" },
  { kind: "putEdge", relation: "Node.hasGpu.Gpu", from: "user-1", to: "gpu/0" },
  { kind: "putEdge", relation: "Node.hasGpu.Gpu", from: "user-2", to: "gpu/0" },
];
newer.splice(1, 0, { kind: "putVertex", type: "Gpu2", id: "é", value: {} });

describe("unknown types", () => {
  const graph = Graph.empty(schema).apply(newer);

  it("RG6 survive a round trip through an older process, by changes, store and JSON", () => {
    expect([...graph.entries()]).toEqual(newer);
    const store = new Map<string, Uint8Array>();
    writeAll(store, changesToStore(newer.map(encodeChange)));
    expect([...graphFromStore(schema, inOrder(store)).entries()]).toEqual(newer);
    expect([...fromJson(schema, JSON.parse(JSON.stringify(toJson(graph)))).entries()]).toEqual(newer);
  });

  it("RG6 lose only the edges of what the older process removes", () => {
    const { changes, graph: less } = graph.change((draft) => draft.remove(Node, "user-1"));
    expect(changes).toEqual([
      { kind: "removeEdge", relation: "Node.hasGpu.Gpu", from: "user-1", to: "gpu/0" },
      { kind: "removeVertex", type: "Node", id: "user-1" },
    ]);
    expect([...less.entries()]).toEqual(newer.filter((change) => !JSON.stringify(change).includes("user-1")));
  });

  it("RG6 keep a known type's unknown fields through an update", () => {
    const changed = graph.change((draft) => draft.update(Node, "user-1", { state: "down" }));
    expect(changed.graph.get(Node, "user-1")).toEqual({ state: "down", bootNumber: 1, zone: "new field" });
  });

  it("RG6 are roots to an older process's garbage collection", () => {
    const withRoot = graph.apply([{ kind: "putVertex", type: "Cluster", id: "c", value: { name: "c" } }]);
    const { graph: rest, result } = withRoot.change((draft) => draft.collectGarbage());
    expect(result).toEqual({ kind: "collected", removed: 2, left: 0 });
    expect([...rest.entries()].map((entry) => ("type" in entry ? entry.type : entry.relation))).toEqual([
      "Cluster",
      "Gpu",
      "Gpu2",
      "Gpu.near.Gpu2",
    ]);
  });
});

describe("values", () => {
  it("come back from their bytes, and equal ones have equal bytes", () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true }) as fc.Arbitrary<
      Record<string, never>
    >;
    fc.assert(
      fc.property(json, (value) => {
        fc.pre(!JSON.stringify(value).includes("__proto__"));
        const encoded = encodeValue(value);
        const decoded = decodeValue(encoded);
        expect(JSON.parse(JSON.stringify(decoded))).toEqual(JSON.parse(JSON.stringify(value)));
        const shuffled = Object.fromEntries(Object.entries(value).reverse());
        expect(encodeValue(shuffled)).toEqual(encoded);
        expect(encodeValue(decoded)).toEqual(encoded);
      }),
      { numRuns: 50 },
    );
  });

  it.each(["", "{", "[]", "null", "3", '{"__proto__":1}', `{"a":${"[".repeat(40)}${"]".repeat(40)}}`, "\xff"])(
    "that are no value are refused: %j",
    (text) => {
      const raw = text === "\xff" ? Uint8Array.of(0xff) : bytes(text);
      expect(() => decodeValue(raw)).toThrow(GraphError);
    },
  );
});

describe("store keys", () => {
  const id = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });

  it("are printable ASCII within their limit and come back", () => {
    fc.assert(
      fc.property(id, id, (from, to) => {
        const relation = runsOn.key;
        const [edge, reverse, vertex] = [
          edgeKey(relation, from, to),
          reverseKey(relation, from, to),
          vertexKey("Node", from),
        ];
        for (const key of [edge, reverse, vertex]) {
          expect(key).toMatch(/^[\x20-\x7e]+$/);
          expect(key >= STORE_RANGE.from && key < STORE_RANGE.to).toBe(true);
        }
        expect(parseStoreKey(edge)).toEqual({ kind: "edge", relation, from, to });
        expect(parseStoreKey(reverse)).toEqual({ kind: "reverse", relation, from, to });
        expect(parseStoreKey(vertex)).toEqual({ kind: "vertex", type: "Node", id: from });
        expect(edge.startsWith(edgePrefix(relation, from))).toBe(true);
        expect(reverse.startsWith(reversePrefix(relation, to))).toBe(true);
        expect(vertex.startsWith(vertexPrefix("Node")) && vertex < prefixEnd(vertexPrefix("Node"))).toBe(true);
      }),
    );
  });

  it("stay within their limit for the longest names and ids", () => {
    const name = "N".repeat(40);
    const longest = "%".repeat(133);
    expect(edgeKey(`${name}.${name}.${name}`, longest, longest).length).toBeLessThanOrEqual(STORE_KEY_CHARS_MAX);
  });

  it("answer neighbour queries by prefix", () => {
    const store = new Map<string, Uint8Array>();
    for (const from of ["web/1", "web/10", "web/2"])
      writeAll(
        store,
        changesToStore([{ kind: "putEdge", relation: runsOn.key, from, to: from === "web/2" ? "b" : "a" }]),
      );
    const found = (prefix: string) =>
      inOrder(store).flatMap(([key]) => (key >= prefix && key < prefixEnd(prefix) ? [parseStoreKey(key)] : []));
    expect(found(reversePrefix(runsOn.key, "a"))).toMatchObject([{ from: "web/1" }, { from: "web/10" }]);
    expect(found(edgePrefix(runsOn.key, "web/1"))).toMatchObject([{ kind: "edge", to: "a" }]);
  });

  it.each([
    "",
    "v",
    "v/Node",
    "v/Node/",
    "v/No.de/a",
    "v/Node/a/b",
    "v/Node/%41",
    "v/Node/%2f",
    "v/Node/%FF",
    "v/Node/é",
    "ve/runsOn/a/b",
    `ve/${runsOn.key}/a`,
    "x/Node/a",
  ])("that are none are refused: %j", (key) => {
    expect(() => parseStoreKey(key)).toThrow(GraphError);
  });
});

describe("the loader", () => {
  const { changes } = Graph.empty(schema).change((draft) => {
    draft.connect(runsOn, draft.insert(ServiceInstance, "web/1", { name: "web" }), draft.insert(Node, "user-1", up));
  });
  const stored = (): Map<string, Uint8Array> => {
    const store = new Map<string, Uint8Array>();
    writeAll(store, changesToStore(changes.map(encodeChange)));
    return store;
  };

  it("keeps a value that its type refuses, and names the vertex to whoever reads it", () => {
    const store = stored();
    store.set(vertexKey("Node", "user-1"), bytes('{"state":"odd"}'));
    const graph = graphFromStore(schema, inOrder(store));
    expect(() => graph.get(Node, "user-1")).toThrow('Node "user-1": state "odd" is not one');
    expect(graph.get(ServiceInstance, "web/1")).toEqual({ name: "web" });
  });

  it("notices a lost reverse edge and an edge without its vertex", () => {
    const store = stored();
    const loader = new GraphLoader(schema);
    loader.add(reverseKey(runsOn.key, "web/1", "user-1"), bytes(""));
    expect(() => loader.finish()).toThrow("0 edges, but 1 reverse");
    store.delete(vertexKey("Node", "user-1"));
    expect(() => graphFromStore(schema, inOrder(store))).toThrow('there is no Node "user-1"');
  });

  it("changes come back from their encoded form", () => {
    expect(changes.map(encodeChange).map(decodeChange)).toEqual(changes);
  });
});

describe("export", () => {
  it("writes DOT that Graphviz can read, whatever the ids", () => {
    const { graph } = Graph.empty(schema).change((draft) => {
      draft.connect(
        runsOn,
        draft.insert(ServiceInstance, 'we"b\\\n', { name: "web" }),
        draft.insert(Node, "user-1", up),
      );
    });
    expect(toDot(graph)).toBe(`digraph resources {
  node [shape=box];
  "Node/user-1" [label="Node user-1"];
  "ServiceInstance/we\\"b\\\\ " [label="ServiceInstance we\\"b\\\\ "];
  "ServiceInstance/we\\"b\\\\ " -> "Node/user-1" [label="runsOn"];
}
`);
  });

  it.each([
    [null, "the graph"],
    [{ format: 2 }, "format 2"],
    [{ format: 1, vertices: [] }, "vertices"],
    [{ format: 1, vertices: {}, edges: { "A.r.B": [["a"]] } }, "edges.A.r.B[0]"],
    [{ format: 1, vertices: { Node: { a: 3 } }, edges: {} }, 'Node "a"'],
    [{ format: 1, vertices: { Rack: { a: null } }, edges: {} }, 'Rack "a"'],
  ])("refuses JSON that is no graph: %j", (json, where) => {
    expect(() => fromJson(schema, json)).toThrow(where);
  });

  it("takes ids that are names of every object's properties", () => {
    const { graph } = Graph.empty(schema).change((draft) => {
      for (const id of ["__proto__", "constructor", "7"]) draft.insert(Node, id, up);
    });
    const again = fromJson(schema, JSON.parse(JSON.stringify(toJson(graph))));
    expect([...again.entries()]).toEqual([...graph.entries()]);
  });
});
