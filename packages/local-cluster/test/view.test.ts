import { describe, expect, it } from "vitest";
import { troubles } from "../src/view.ts";
import { answerOf, PROCESSES, processOf, viewWith, viewWithInstance } from "./cluster-view.ts";

describe("the view of a cluster", () => {
  it("has no troubles when all is well", () => {
    expect(troubles(viewWith())).toEqual([]);
    expect(viewWith()).toMatchObject({ leader: "station-1", coordinator: "station-1", lease: { epoch: 4 } });
  });

  it("believes of two that say they lead the one that has applied more", () => {
    const stations = new Map([
      ["station-1", answerOf("station-1", "leader", 5)],
      ["station-2", answerOf("station-2", "leader", 9)],
    ]);
    expect(viewWith({ stations }).leader).toBe("station-2");
  });

  it("takes the lease from the station that has applied most", () => {
    const old = answerOf("station-1", "follower", 5);
    const next = answerOf("station-2", "leader", 9);
    const lease = { epoch: 5, holder: "station-2", checkpoint: 1 };
    const stations = new Map([
      ["station-2", { ...next, status: { ...next.status, lease } }],
      ["station-1", old],
    ]);
    expect(viewWith({ stations }).lease).toEqual(lease);
  });

  it("takes no coordinator for one that is paused, or has made no checkpoint yet", () => {
    const paused = PROCESSES.map((each) => (each.key === "coordinator" ? { ...each, isPaused: true } : each));
    expect(viewWith({ processes: paused }).coordinator).toBeUndefined();
    const answer = answerOf("station-1", "leader", 5);
    const status = { ...answer.status, lease: { epoch: 5, holder: "station-1", checkpoint: 0 } };
    expect(viewWith({ stations: new Map([["station-1", { ...answer, status }]]) }).coordinator).toBeUndefined();
  });

  it("counts neither a guard nor a child of a service for the service", () => {
    const others = PROCESSES.filter(({ key, node }) => !(node === "satellite-1" && key === "monitor"));
    const child = { ...processOf("satellite-1", "monitor", 500), group: 1 };
    const guard = { ...processOf("satellite-1", "monitor", 501), isGuard: true };
    expect(troubles(viewWith({ processes: [...others, child, guard] }))).toEqual(["satellite-1.monitor does not run"]);
  });

  it("names all that is missing", () => {
    expect(
      troubles(viewWith({ stations: new Map(), processes: [], graph: { nodes: [], services: [], instances: [] } })),
    ).toEqual([
      "the stations have no leader",
      "no coordinator is in office",
      "station-1 is not known to the coordinator yet",
      ...["agent", "station-replica", "recovery-supervisor", "monitor"].map((key) => `station-1.${key} does not run`),
      "satellite-1 is not known to the coordinator yet",
      ...["agent", "transponder", "monitor"].map((key) => `satellite-1.${key} does not run`),
      "user-1 is not known to the coordinator yet",
      "user-1.agent does not run",
      "user-2 is not known to the coordinator yet",
      "user-2.agent does not run",
      "no services are declared yet",
    ]);
    expect(troubles(viewWithInstance("web/1", { state: "starting", reason: "exited with code 1" }, 0))).toEqual([
      "web/1 does not answer (starting on user-2: exited with code 1)",
    ]);
  });

  it("does not miss what a person has switched off, nor what is to stop", () => {
    const processes = PROCESSES.filter(({ node }) => node !== "user-2");
    expect(troubles(viewWith({ processes, offNodes: new Set(["user-2"]) }))).toEqual([]);
    expect(troubles(viewWithInstance("web/1", { desired: "stopped" }, 0))).toEqual([]);
  });
});
