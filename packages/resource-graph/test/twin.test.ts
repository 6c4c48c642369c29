import { changesToStore, encodeChange, fromJson, Graph, graphFromStore, toJson } from "@halon/resource-graph";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ops, randomSchema, runBoth, twinRelations } from "./random-graph.ts";
import { Twin, type TwinRelation } from "./twin.ts";

const empty = Graph.empty(randomSchema);
const entries = (graph: Graph): unknown[] => [...graph.entries()];

describe("random programs against a dumb twin", () => {
  it("RG1 RG3 the graph is the twin's after each transaction, and older snapshots stay", () => {
    fc.assert(
      fc.property(fc.array(ops(), { maxLength: 4 }), (programs) => {
        const twin = new Twin(twinRelations);
        let graph = empty;
        for (const program of programs) {
          const before = entries(graph);
          const next = runBoth(graph, twin, program).graph;
          expect(entries(next)).toEqual(twin.entries());
          expect(entries(graph)).toEqual(before);
          graph = next;
        }
        expect([graph.vertexCount, graph.edgeCount]).toEqual([twin.vertices.length, twin.edges.length]);
        expectQueries(graph, twin);
      }),
      { numRuns: 150 },
    );
  });

  it("RG2 the changes are the difference, no more, and make the new graph of the old: in memory and in a store", () => {
    fc.assert(
      fc.property(ops(), ops(), ops(), (first, second, third) => {
        const twin = new Twin(twinRelations);
        const start = runBoth(empty, twin, first).graph;
        const store = new Map(changesToStore(runChanges(empty, start)).map(({ key, value }) => [key, value]));
        const { graph: middle, changes } = runBoth(start, twin, second);
        expect(entries(start.apply(changes))).toEqual(entries(middle));
        const difference = new Set([...entries(start), ...entries(middle)].map((entry) => JSON.stringify(entry)));
        for (const same of entries(start).map((entry) => JSON.stringify(entry)))
          if (entries(middle).some((entry) => JSON.stringify(entry) === same)) difference.delete(same);
        // A changed value is one change and two entries.
        const revalued = changes.filter(
          (change) => change.kind === "putVertex" && isIn(start, change.type, change.id),
        ).length;
        expect(changes.length + revalued).toBe(difference.size);
        const last = runBoth(middle, twin, third);
        const net = start.combine([changes, last.changes]);
        expect(entries(start.apply(net))).toEqual(entries(last.graph));
        for (const { key, value } of changesToStore(net.map(encodeChange)))
          if (value === undefined) store.delete(key);
          else store.set(key, value);
        const stored = ([...store] as [string, Uint8Array][]).sort(([a], [b]) => (a < b ? -1 : 1));
        expect(entries(graphFromStore(randomSchema, stored))).toEqual(entries(last.graph));
      }),
      { numRuns: 150 },
    );
  });

  it("RG3 a merge keeps all edges where there is room for many, and makes no self-edges", () => {
    fc.assert(
      fc.property(ops(120), (program) => {
        const twin = new Twin(twinRelations);
        const { graph } = runBoth(empty, twin, program);
        const [gone, into] = twin.vertices.filter(({ type }) => type === "A").map(({ id }) => id);
        fc.pre(gone !== undefined && into !== undefined);
        if (gone === undefined || into === undefined) return;
        const merged = new Set(runMerge(graph, gone, into).map((edge) => JSON.stringify(edge)));
        for (const { relation, from, to } of twin.edges) {
          const ends = twinRelations[relation] as TwinRelation;
          const [near, far] = [
            ends.from === "A" && from === gone ? into : from,
            ends.to === "A" && to === gone ? into : to,
          ];
          const isSelf = ends.from === ends.to && near === far;
          if (!ends.fromOne && !ends.toOne) expect(merged.has(JSON.stringify([relation, near, far]))).toBe(!isSelf);
          else if (isSelf) expect(merged.has(JSON.stringify([relation, near, far]))).toBe(false);
        }
      }),
    );
  });

  it("RG4 garbage collection removes exactly what no root reaches", () => {
    fc.assert(
      fc.property(ops(120), (program) => {
        const twin = new Twin(twinRelations);
        const { graph } = runBoth(empty, twin, program);
        const reached = twin.reachable(["B"]);
        const { graph: rest, result } = graph.change((draft) => draft.collectGarbage());
        const kept = [...rest.entries()].flatMap((entry) =>
          entry.kind === "putVertex" ? [`${entry.type} ${entry.id}`] : [],
        );
        if (result.kind === "collected") expect(new Set(kept)).toEqual(reached);
        else expect([result.kind, reached.size, kept.length]).toEqual(["noRoots", 0, twin.vertices.length]);
      }),
    );
  });

  it("JSON gives back the graph", () => {
    fc.assert(
      fc.property(ops(), (program) => {
        const { graph } = runBoth(empty, new Twin(twinRelations), program);
        expect(entries(fromJson(randomSchema, JSON.parse(JSON.stringify(toJson(graph)))))).toEqual(entries(graph));
      }),
    );
  });
});

const isIn = (graph: Graph, type: string, id: string): boolean =>
  [...graph.entries()].some((entry) => entry.kind === "putVertex" && entry.type === type && entry.id === id);

const runChanges = (from: Graph, to: Graph) =>
  from.change((draft) => draft.apply(to.entries())).changes.map(encodeChange);

function runMerge(graph: Graph, gone: string, into: string) {
  const type = [...randomSchema.types.values()].find(({ name }) => name === "A");
  if (type === undefined) throw new Error("no type A");
  const merged = graph.change((draft) => draft.merge(type, gone, into)).graph;
  return [...merged.entries()].flatMap((entry) =>
    entry.kind === "putEdge" ? [[entry.relation, entry.from, entry.to]] : [],
  );
}

function expectQueries(graph: Graph, twin: Twin): void {
  for (const relation of randomSchema.relations.values())
    for (const { type, id } of twin.vertices) {
      const edges = twin.edges.filter((edge) => edge.relation === relation.key);
      const targets = edges.filter(({ from }) => from === id).map(({ to }) => to);
      const sources = edges.filter(({ to }) => to === id).map(({ from }) => from);
      if (relation.from.name === type) expect(graph.out(relation, relation.from.id(id))).toEqual(targets.sort());
      if (relation.to.name === type) expect(graph.in(relation, relation.to.id(id))).toEqual(sources.sort());
    }
}
