import { Graph, GraphError, type Id } from "@halon/resource-graph";
import { describe, expect, expectTypeOf, it } from "vitest";
import { holds, Node, Rack, runsOn, ServiceInstance, schema, up } from "./model.ts";

const inDraft = (work: Parameters<Graph["change"]>[0]): unknown => Graph.empty(schema).change(work);

describe("types", () => {
  it("a wrong edge is a compile error", () => {
    inDraft((draft) => {
      const node = draft.insert(Node, "user-1", up);
      const rack = draft.insert(Rack, "rack-1", { name: "one" });
      const instance = draft.insert(ServiceInstance, "web/1", { name: "web" });
      draft.connect(runsOn, instance, node);
      draft.update(Node, node, { state: "down" });
      const wrong = [
        // @ts-expect-error: a rack runs nothing
        () => draft.connect(runsOn, instance, rack),
        // @ts-expect-error: turned round
        () => draft.connect(runsOn, node, instance),
        // @ts-expect-error: a string that nobody has said is a node's id
        () => draft.connect(runsOn, instance, "user-1"),
        // @ts-expect-error: the wrong end
        () => draft.out(runsOn, node),
        // @ts-expect-error: a rack holds many nodes
        () => draft.outOne(holds, rack),
        // @ts-expect-error: many instances run on a node
        () => draft.inOne(runsOn, node),
        // @ts-expect-error: the id of another type
        () => draft.get(Node, rack),
        // @ts-expect-error: not a node's value
        () => draft.insert(Node, "user-2", { state: "sleepy", bootNumber: 1 }),
        // @ts-expect-error: not a node's value
        () => draft.update(Node, node, { state: "sleepy" }),
        // @ts-expect-error: a field that a node must have
        () => draft.update(Node, node, { state: undefined }),
      ];
      expect(wrong.length).toBe(10);
      expectTypeOf(draft.outOne(runsOn, instance)).toEqualTypeOf<Id<"Node"> | undefined>();
      expectTypeOf(draft.in(runsOn, node)).toEqualTypeOf<readonly Id<"ServiceInstance">[]>();
      expectTypeOf(draft.get(Rack, rack)).toEqualTypeOf<{ readonly name: string } | undefined>();
    });
  });

  it("a snapshot has no way to change it", () => {
    // @ts-expect-error: only a draft has
    expect(Graph.empty(schema).insert).toBeUndefined();
    expect(() => inDraft((draft) => draft.connect(runsOn, ServiceInstance.id("a"), Node.id("b")))).toThrow(GraphError);
  });
});
