import { type GraphChange, idProblem } from "@halon/resource-graph";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ApiError, Handlers, QueueHandlers } from "../src/api/index.ts";
import { CLUSTER, emptyStore, storeOf } from "./graph-store.ts";

const STATIONS = {
  isServing: () => true,
  stations: () => [],
  changeStations: () => Promise.reject(new Error("never")),
};
const never = (): never => {
  throw new Error("reads need nothing but the store");
};
const handlersOf = (changes: readonly GraphChange[]): Handlers =>
  new Handlers({
    cluster: "c",
    store: storeOf(changes),
    ask: never,
    promulgate: never,
    untilConsumed: never,
    queue: new QueueHandlers({ ask: never, replicator: { update: never } }),
    ...STATIONS,
  });
const ALL = { id: "", after: "", limit: 0 };

describe("QueryGraph", () => {
  const handlers = handlersOf(CLUSTER);

  it("without a type lists the types there are", () => {
    const { vertices, more } = handlers.queryGraph({ ...ALL, type: "" });
    expect(vertices.map(({ type }) => type)).toEqual(["Cluster", "Instance", "Node", "Service"]);
    expect(more).toBe(false);
  });

  it("of a type lists vertices with their edges, of an id that one", () => {
    const { vertices } = handlers.queryGraph({ ...ALL, type: "Instance" });
    expect(vertices.map(({ id }) => id)).toEqual(["db/0", "web/0", "web/1", "web/2"]);
    const [web] = handlers.queryGraph({ ...ALL, type: "Instance", id: "web/0" }).vertices;
    expect(web).toEqual(vertices[1]);
    expect(JSON.parse(web?.value ?? "")).toMatchObject({ state: "running", port: 31_002 });
    expect(web?.edges).toEqual([
      { relation: "Instance.runsOn.Node", from: "web/0", to: "user-1" },
      { relation: "Service.has.Instance", from: "web", to: "web/0" },
    ]);
  });

  it("goes on behind an id", () => {
    const first = handlers.queryGraph({ ...ALL, type: "Instance", limit: 2 });
    expect([first.vertices.map(({ id }) => id), first.more]).toEqual([["db/0", "web/0"], true]);
    const second = handlers.queryGraph({ ...ALL, type: "Instance", limit: 2, after: "web/0" });
    expect([second.vertices.map(({ id }) => id), second.more]).toEqual([["web/1", "web/2"], false]);
  });

  it("has nothing of a type without vertices, and refuses an id that is not there", () => {
    expect(handlers.queryGraph({ ...ALL, type: "Moon" })).toEqual({ vertices: [], more: false });
    const ask = (): unknown => handlers.queryGraph({ ...ALL, type: "Node", id: "user-9" });
    expect(ask).toThrow(new ApiError("NOT_FOUND", 'there is no Node "user-9"'));
  });

  it.each([
    ["a type that is no name", { ...ALL, type: "no type" }],
    ["a type that is another key", { ...ALL, type: "../q" }],
    ["an id that is too long", { ...ALL, type: "Node", id: "x".repeat(300) }],
    ["half a surrogate pair to go on behind", { ...ALL, type: "Node", after: "\ud800" }],
  ])("refuses %s", (_, request) => {
    expect(() => handlers.queryGraph(request)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  it("reads an empty store as an empty graph", () => {
    const empty = new Handlers({
      cluster: "c",
      store: emptyStore(),
      ask: never,
      promulgate: never,
      untilConsumed: never,
      queue: new QueueHandlers({ ask: never, replicator: { update: never } }),
      ...STATIONS,
    });
    expect(empty.queryGraph({ ...ALL, type: "" })).toEqual({ vertices: [], more: false });
    expect(empty.listServices({ after: "" })).toEqual({ services: [], more: false });
  });

  it("tells the first 1000 edges of a vertex, and that there are more", () => {
    const many = Array.from({ length: 1_200 }, (_, index): GraphChange[] => [
      { kind: "putVertex", type: "Node", id: `n${index}`, value: {} },
      { kind: "putEdge", relation: "Cluster.has.Node", from: "c", to: `n${index}` },
    ]).flat();
    const all = handlersOf([{ kind: "putVertex", type: "Cluster", id: "c", value: {} }, ...many]);
    const [cluster] = all.queryGraph({ ...ALL, type: "Cluster", id: "c" }).vertices;
    expect([cluster?.edges.length, cluster && "moreEdges" in cluster && cluster.moreEdges]).toEqual([1_000, true]);
  });

  it("reads on behind the first piece of the store, each vertex once", () => {
    const names = Array.from({ length: 200 }, (_, at) => `n${1_000 + at}`);
    const many = handlersOf(names.map((id) => ({ kind: "putVertex", type: "T", id, value: {} })));
    const { vertices, more } = many.queryGraph({ ...ALL, type: "T" });
    expect([vertices.map(({ id }) => id), more]).toEqual([names, false]);
  });

  it("gives in pages, however small, what was put in, whatever the ids", () => {
    const ids = fc.uniqueArray(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((id) => idProblem(id) === undefined),
    );
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 5 }), (names, limit) => {
        const paged = handlersOf(names.map((id) => ({ kind: "putVertex", type: "T", id, value: { id } })));
        const seen: string[] = [];
        for (let more = true; more; ) {
          const page = paged.queryGraph({ type: "T", id: "", after: seen.at(-1) ?? "", limit });
          expect(page.vertices.length).toBeLessThanOrEqual(limit);
          for (const { id, value } of page.vertices) {
            expect(JSON.parse(value)).toEqual({ id });
            seen.push(id);
          }
          more = page.more;
        }
        expect(seen.toSorted()).toEqual(names.toSorted());
      }),
      { numRuns: 60 },
    );
  });
});

describe("ListServices", () => {
  it("tells each service with where its instances run", () => {
    const { services, more } = handlersOf(CLUSTER).listServices({ after: "" });
    expect(more).toBe(false);
    expect(services.map(({ name, wanted, exclusive }) => [name, wanted, exclusive])).toEqual([
      ["db", 1, true],
      ["idle", 0, false],
      ["web", 3, false],
    ]);
    expect(services[2]?.instances).toEqual([
      { id: "web/0", node: "user-1", state: "running", port: 31_002, generation: 5, restarts: 2, reason: "" },
      { id: "web/1", node: "station-1", state: "failed", port: 0, generation: 6, restarts: 0, reason: "exit code 1" },
      { id: "web/2", node: "", state: "pending", port: 0, generation: 7, restarts: 0, reason: "" },
    ]);
  });

  it("ends a page with the service that fills it, and goes on behind a name", () => {
    const services = Array.from({ length: 3 }, (_, index): GraphChange[] => [
      { kind: "putVertex", type: "Service", id: `s${index}`, value: { instances: 600 } },
      ...Array.from({ length: 600 }, (__, at): GraphChange[] => [
        { kind: "putVertex", type: "Instance", id: `s${index}/${at}`, value: { state: "running" } },
        { kind: "putEdge", relation: "Service.has.Instance", from: `s${index}`, to: `s${index}/${at}` },
      ]).flat(),
    ]).flat();
    const handlers = handlersOf(services);
    const first = handlers.listServices({ after: "" });
    expect([first.services.map(({ name, instances }) => [name, instances.length]), first.more]).toEqual([
      [
        ["s0", 600],
        ["s1", 600],
      ],
      true,
    ]);
    const second = handlers.listServices({ after: "s1" });
    expect([second.services.map(({ name }) => name), second.more]).toEqual([["s2"], false]);
  });

  it("shows what another version wrote as far as it can be read", () => {
    const value = { instances: "many", exclusive: 1, colour: "red" };
    const handlers = handlersOf([{ kind: "putVertex", type: "Service", id: "s", value }]);
    expect(handlers.listServices({ after: "" }).services).toEqual([
      { name: "s", exclusive: false, wanted: 0, instances: [] },
    ]);
  });
});
