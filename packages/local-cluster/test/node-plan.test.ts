import { describe, expect, it } from "vitest";
import { agentConfig, type ClusterFacts } from "../src/agent-config.ts";
import { planNodes } from "../src/node-plan.ts";
import { stateDirAt } from "../src/state-dir.ts";

describe("the plan of nodes", () => {
  it("numbers nodes within their kinds, stations first", () => {
    const plan = planNodes({ stations: 3, satellites: 1, users: 2 });
    expect(plan.map(({ name, services }) => `${name}: ${services.join(" ")}`)).toEqual([
      "station-1: station-replica recovery-supervisor monitor",
      "station-2: station-replica recovery-supervisor monitor",
      "station-3: station-replica recovery-supervisor monitor",
      "satellite-1: transponder monitor",
      "user-1: ",
      "user-2: ",
    ]);
  });

  it.each([
    [{ stations: 2, satellites: 1, users: 1 }, "--stations 2: choose one of 1, 3, 5, 7"],
    [{ stations: 3, satellites: -1, users: 1 }, "--satellites -1: choose a whole number from 0 to 16"],
    [{ stations: 3, satellites: 1, users: 1.5 }, "--users 1.5: choose a whole number from 0 to 32"],
  ])("refuses %j", (shape, message) => expect(() => planNodes(shape)).toThrow(message));
});

describe("an agent's configuration", () => {
  const facts: ClusterFacts = {
    cluster: "local",
    clusterId: "f00d",
    stations: ["station-1"],
    natsUrls: ["nats://127.0.0.1:1"],
    root: "/halon",
    dir: stateDirAt("/state"),
  };
  const configs = planNodes({ stations: 1, satellites: 1, users: 1 }).map((node) => agentConfig(node, facts));

  it("lists a station's own services, and the coordinator that it may be asked to start", () => {
    expect(configs[0]).toMatchObject({
      node: "station-1",
      nodeKind: "station",
      roles: ["station-replica", "recovery-supervisor", "monitor"],
      stateDir: "/state/station-1",
      logDir: "/state/logs",
      logFile: "/state/logs/station-1.node-agent.log",
      services: [
        {
          name: "station-replica",
          env: {
            HALON_STATE_DIR: "/state/station-1/station-replica",
            HALON_CLUSTER_ID: "f00d",
            HALON_API_ADDRESS: "127.0.0.1:15001",
          },
        },
        { name: "recovery-supervisor", env: { HALON_STATIONS: "station-1" } },
        { name: "monitor", env: {} },
      ],
      coordinator: {
        kind: "process",
        command: [process.execPath, "--single-threaded-gc", "/halon/services/coordinator/dist/main.js"],
      },
    });
  });

  it("lists nothing for a user node", () => {
    expect(configs[2]).toMatchObject({ node: "user-1", nodeKind: "user", services: [], roles: [] });
    expect(configs[2]).not.toHaveProperty("coordinator");
  });
});
