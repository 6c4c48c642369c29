import { Graph } from "@halon/resource-graph";
import { expect, it } from "vitest";
import { Node, runsOn, ServiceInstance, schema, up } from "./model.ts";

it("100 000 vertices: rough costs, printed", () => {
  const [nodeCount, instanceCount, probeCount] = [10_000, 90_000, 20_000];
  const took = (work: () => void): number => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };
  const node = (number: number) => Node.id(`user-${number % nodeCount}`);
  const instance = (number: number) => ServiceInstance.id(`web/${number % instanceCount}`);
  let graph = Graph.empty(schema);
  const insertMs = took(() => {
    graph = graph.change((draft) => {
      for (let at = 0; at < nodeCount; at++) draft.insert(Node, node(at), up);
      for (let at = 0; at < instanceCount; at++)
        draft.connect(runsOn, draft.insert(ServiceInstance, instance(at), { name: "web" }), node(at));
    }).graph;
  });
  let found = 0;
  const outMs = took(() => {
    for (let at = 0; at < probeCount; at++) if (graph.outOne(runsOn, instance(at * 7919)) !== undefined) found++;
  });
  const inMs = took(() => {
    for (let at = 0; at < probeCount; at++) found += graph.in(runsOn, node(at * 7919)).length;
  });
  const changeMs = took(() => {
    for (let at = 0; at < 1_000; at++)
      graph = graph.change((draft) => draft.connect(runsOn, instance(at * 7919), node(at))).graph;
  });
  const us = (ms: number, count: number): string => `${((ms / count) * 1_000).toFixed(1)} us`;
  console.log(
    `insert ${us(insertMs, nodeCount + instanceCount)} per vertex with its edge; outOne ${us(outMs, probeCount)}; ` +
      `in ${us(inMs, probeCount)} for nine; a change of one edge ${us(changeMs, 1_000)}`,
  );
  expect(found).toBe(probeCount * 10);
  expect(graph.edgeCount).toBe(instanceCount);
}, 60_000);
