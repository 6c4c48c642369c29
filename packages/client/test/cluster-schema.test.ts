import * as coordinator from "@halon/coordinator";
import { Graph } from "@halon/resource-graph";
import { describe, expect, it } from "vitest";
import * as client from "../src/index.ts";

const node: coordinator.NodeValue = {
  ...{ kind: "user", roles: ["monitor"], state: "up", agentIncarnation: "i" },
  ...{ sessionLast: 1, sessions: [], accusations: [] },
};
const service: coordinator.ServiceValue = {
  ...{
    command: ["web"],
    cwd: "",
    exclusive: false,
    instances: 2,
    restartsMax: 3,
    restartWindowMs: 60_000,
    on: ["user"],
  },
};
const instance: coordinator.InstanceValue = {
  ...{ index: 0, generation: 1, desired: "running", state: "pending", port: 0, pid: 0, restarts: 0, reason: "" },
  ...{ notBeforeMs: 0, avoid: "" },
};

describe("the schema for programs of others", () => {
  it("takes all that the coordinator's own takes, and keeps it as it was", () => {
    const { Cluster, Node, Service, Instance } = coordinator;
    const { graph } = Graph.empty(coordinator.schema).change((draft) => {
      draft.insert(Cluster, "cluster", { generationLast: 1 });
      for (const kind of ["station", "satellite", "user"] as const)
        for (const state of ["up", "down"] as const) draft.insert(Node, `${kind}-${state}`, { ...node, kind, state });
      draft.insert(Service, "web", service);
      for (const state of ["pending", "starting", "running", "failed", "stopped"] as const)
        draft.connect(
          coordinator.hasInstance,
          Service.id("web"),
          draft.insert(Instance, `web/${state}`, { ...instance, state }),
        );
      draft.connect(coordinator.runsOn, Instance.id("web/running"), Node.id("user-up"));
    });
    const seen = Graph.empty(client.clusterSchema).apply(graph.entries());
    expect([...seen.entries()]).toEqual([...graph.entries()]);
    expect(seen.outOne(client.runsOn, client.Instance.id("web/running"))).toBe("user-up");
  });

  it("names types, relations and roots as the coordinator does", () => {
    for (const name of client.clusterSchema.types.keys()) expect(coordinator.schema.types.has(name)).toBe(true);
    for (const [key, { ends }] of client.clusterSchema.relations)
      expect(coordinator.schema.relations.get(key)?.ends).toEqual(ends);
    expect([...client.clusterSchema.roots]).toEqual([...coordinator.schema.roots]);
  });

  it.each([
    ["a node in an unknown state", client.Node, { ...node, state: "asleep" }, "state: one of up, down was expected"],
    ["an instance without a port", client.Instance, { ...instance, port: undefined }, "port: a number was expected"],
    ["a service whose command is one word", client.Service, { ...service, command: "web" }, "command: a list of texts"],
  ])("refuses %s, and says what it expected", (_, type, value, why) => {
    expect(type.parse(value)).toEqual(expect.stringContaining(why));
  });
});
