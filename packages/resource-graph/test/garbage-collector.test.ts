import { GarbageCollector, Graph } from "@halon/resource-graph";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cluster, contains, dependsOn, holds, Node, Rack, Service, schema, up } from "./model.ts";
import { ops, randomSchema, runBoth, twinRelations } from "./random-graph.ts";
import { Twin } from "./twin.ts";

const idsOf = (graph: Graph): string[] =>
  [...graph.entries()].flatMap((entry) => (entry.kind === "putVertex" ? [`${entry.type} ${entry.id}`] : []));

describe("a collection in pieces", () => {
  const { graph } = Graph.empty(schema).change((draft) => {
    const rack = draft.insert(Rack, "r", { name: "r" });
    draft.connect(contains, draft.insert(Cluster, "c", { name: "c" }), rack);
    for (let at = 0; at < 30; at++) draft.connect(holds, rack, draft.insert(Node, `n${at}`, up));
    for (let at = 0; at < 30; at++) {
      draft.insert(Service, `s${at}`, { name: "s" });
      if (at > 0) draft.connect(dependsOn, Service.id(`s${at - 1}`), Service.id(`s${at}`));
    }
    draft.connect(dependsOn, Service.id("s29"), Service.id("s0"));
  });

  it("RG4 looks at a few vertices at a time, removes a few at a time, and comes to its end", () => {
    const collector = new GarbageCollector();
    let pieces = 0;
    while (collector.mark(graph, 4) === "more") pieces++;
    expect(pieces).toBeGreaterThan(5);
    let now = graph;
    const removed: number[] = [];
    for (let isDone = false; !isDone; ) {
      const step = now.change((draft) => draft.sweep(collector, 7, 1_000));
      now = step.graph;
      removed.push(step.result.removed);
      isDone = step.result.isDone;
    }
    expect(removed).toEqual([7, 7, 7, 7, 2]);
    expect(idsOf(now).filter((id) => id.startsWith("Service"))).toEqual([]);
    expect([now.vertexCount, now.looseCount]).toEqual([32, 0]);
  });

  it("RG4 a graph without roots is not begun with", () => {
    const rootless = graph.change((draft) => draft.remove(Cluster, "c")).graph;
    expect(new GarbageCollector().mark(rootless)).toBe("noRoots");
  });

  it("RG4 keeps whatever a root reaches while the graph goes on changing, and undisturbed removes all that none does", () => {
    fc.assert(
      fc.property(
        ops(120),
        fc.array(ops(6), { maxLength: 12 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 4 }),
        (first, meanwhile, visitsMax, removedMax) => {
          const twin = new Twin(twinRelations);
          let { graph: now } = runBoth(Graph.empty(randomSchema), twin, first);
          fc.pre(twin.reachable(["B"]).size > 0);
          const isDisturbed = meanwhile.length > 0;
          const collector = new GarbageCollector();
          const interfere = (): void => {
            const program = meanwhile.shift();
            if (program === undefined) return;
            const next = runBoth(now, twin, program);
            now = next.graph;
            collector.note(next.changes);
          };
          for (let outcome = collector.mark(now, visitsMax); outcome === "more"; ) {
            interfere();
            outcome = collector.mark(now, visitsMax);
            if (outcome === "noRoots") return;
          }
          for (let isDone = false; !isDone; ) {
            interfere();
            if (collector.mark(now, visitsMax) === "more") continue;
            const {
              graph: next,
              result,
              changes,
            } = now.change((draft) => draft.sweep(collector, removedMax, visitsMax));
            for (const change of changes)
              if (change.kind === "removeVertex") {
                expect(twin.reachable(["B"])).not.toContain(`${change.type} ${change.id}`);
                twin.run({ kind: "remove", type: change.type, id: change.id });
              }
            now = next;
            isDone = result.isDone;
          }
          expect([...now.entries()]).toEqual(twin.entries());
          if (!isDisturbed) expect(new Set(idsOf(now))).toEqual(twin.reachable(["B"]));
        },
      ),
      { numRuns: 300 },
    );
  });
});
