import { describe, expect, it } from "vitest";
import { knownTargets, resolveTarget, type Target, targetText } from "../src/targets.ts";
import { answerOf, PROCESSES, processOf, viewWith } from "./cluster-view.ts";

const view = viewWith();
const targetOf = (name: string): Target | string => {
  const outcome = resolveTarget(name, view);
  return outcome.kind === "target" ? outcome.target : outcome.message;
};

describe("targets of verbs", () => {
  it.each([
    ["user-2", { kind: "node", node: "user-2" }],
    ["web/1", { kind: "instance", id: "web/1", node: "user-2" }],
    ["nats", { kind: "nats" }],
    ["leader", { kind: "service", node: "station-1", service: "station-replica" }],
    ["coordinator", { kind: "service", node: "station-1", service: "coordinator" }],
    ["monitor-1", { kind: "service", node: "satellite-1", service: "monitor" }],
    ["monitor-2", { kind: "service", node: "station-1", service: "monitor" }],
    ["transponder-1", { kind: "service", node: "satellite-1", service: "transponder" }],
    ["station-1.recovery-supervisor", { kind: "service", node: "station-1", service: "recovery-supervisor" }],
    ["user-1.agent", { kind: "service", node: "user-1", service: "agent" }],
  ])("%s", (name, expected) => expect(targetOf(name)).toEqual(expected));

  it("suggests what was probably meant, and lists what there is", () => {
    const said = targetOf("user2");
    expect(said).toContain('unknown target "user2": did you mean "user-2"?');
    expect(said).toContain(
      "Known: ticker/0, web/0, web/1, station-1, satellite-1, user-1, user-2, leader, coordinator, nats",
    );
    expect(said).toContain("or NODE.SERVICE such as station-1.agent");
    expect(targetOf("entirely-else")).not.toContain("did you mean");
    expect(targetOf("user-1.monitor")).toContain("unknown target");
  });

  it("resolves every name that it lists", () => {
    for (const name of knownTargets(view)) expect(targetOf(name), name).toBeTypeOf("object");
  });

  it("says when a role is vacant, or an instance has no place", () => {
    const vacant = viewWith({
      stations: new Map([["station-1", answerOf("station-1", "follower", 1)]]),
      processes: [],
    });
    expect(resolveTarget("leader", vacant)).toMatchObject({ kind: "mistake", message: /no leader right now/ });
    expect(resolveTarget("coordinator", vacant)).toMatchObject({ kind: "mistake", message: /no coordinator/ });
    const [first, ...others] = view.instances;
    const placeless = { ...view, instances: [{ ...first, node: undefined, reason: "no node fits" }, ...others] };
    expect(resolveTarget("ticker/0", placeless as typeof view)).toMatchObject({
      message: "ticker/0 runs nowhere right now: no node fits",
    });
  });

  it("means by a role that is resumed the process that was paused", () => {
    const paused = { ...processOf("station-1", "coordinator", 1), isPaused: true };
    const twoHold = viewWith({ processes: [...PROCESSES.filter(({ key }) => key !== "coordinator"), paused] });
    expect(twoHold.coordinator).toBeUndefined();
    expect(resolveTarget("coordinator", twoHold).kind).toBe("mistake");
    expect(resolveTarget("coordinator", twoHold, true)).toMatchObject({ target: { node: "station-1" } });
  });

  it("are called by their names", () => {
    const texts = ["web/1", "user-2", "leader", "nats"].map(targetOf).map((target) => targetText(target as Target));
    expect(texts).toEqual(["web/1 on user-2", "user-2", "station-1.station-replica", "nats"]);
  });
});
