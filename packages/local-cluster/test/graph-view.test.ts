import { describe, expect, it } from "vitest";
import { compareIds, pictureOf } from "../src/graph-view.ts";

const entry = (key: string, value: unknown): readonly [string, Uint8Array] => [
  key,
  value === undefined ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(value)),
];

const STORED = [
  entry("v/Cluster/cluster", { generationLast: 9 }),
  entry("v/Instance/web%2F0", {
    generation: 7,
    desired: "running",
    state: "running",
    port: 80,
    pid: 12,
    restarts: 1,
    reason: "",
  }),
  entry("v/Instance/web%2F1", { generation: 8, desired: "running", state: "pending", port: 0, reason: "no node fits" }),
  entry("v/Node/user-1", {
    state: "up",
    sessions: [
      { session: 1, begun: true, monitors: ["old"] },
      { session: 2, begun: false, monitors: ["a", "b"] },
    ],
    accusations: [{}, {}],
  }),
  entry("v/Service/web", { exclusive: true, instances: 2 }),
  entry("ve/Instance.runsOn.Node/web%2F0/user-1", undefined),
  entry("ve/Service.has.Instance/web/web%2F0", undefined),
  entry("vr/Service.has.Instance/web%2F0/web", undefined),
  entry("vr/Service.has.Instance/web%2F1/web", undefined),
];

describe("the graph as the launcher reads it", () => {
  it("takes nodes, services and instances out of a station's store", () => {
    const { nodes, services, instances } = pictureOf(STORED);
    expect(nodes).toEqual([{ name: "user-1", state: "up", isReady: false, monitors: ["a", "b"], accusations: 2 }]);
    expect(services).toEqual(["web"]);
    expect(instances).toMatchObject([
      { id: "web/0", service: "web", exclusive: true, node: "user-1", generation: 7, port: 80, pid: 12 },
      { id: "web/1", service: "web", exclusive: true, node: undefined, state: "pending", reason: "no node fits" },
    ]);
  });

  it("leaves out what it does not know and cannot read", () => {
    const odd = [
      ["v/Node/user-2", new Uint8Array([0x7b, 0xff])],
      ["v/Planet/mars", new Uint8Array([1])],
      ["nonsense", new Uint8Array()],
      entry("v/Instance/x%2F0", { generation: "many", port: null }),
    ] as const;
    const { nodes, instances } = pictureOf(odd);
    expect(nodes).toEqual([{ name: "user-2", state: "", isReady: false, monitors: [], accusations: 0 }]);
    expect(instances).toMatchObject([{ id: "x/0", service: "x", generation: 0, port: 0, exclusive: false }]);
  });

  it("counts as people do", () => {
    expect(["web/10", "web/9", "a/0"].sort(compareIds)).toEqual(["a/0", "web/9", "web/10"]);
  });
});
