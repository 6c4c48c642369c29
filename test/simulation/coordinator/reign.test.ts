import type { EventPayload } from "@halon/proto";
import { describe, expect, it } from "vitest";
import { Reigns } from "./reign.ts";

const nodeUp = (node: string, roles: readonly string[] = []): EventPayload => ({
  kind: "nodeUp",
  value: { node, agentIncarnation: "a", kind: "user", roles, inventory: [], session: 0 },
});

/** Longest that the cluster may be without a coordinator while there is a quorum. */
const WITHIN_MS = 3_000;
/** When the leader dies with it: the last renewal may be decided only by the next leader, and counts from then. */
const WITHIN_WITH_LEADER_MS = 4_000;

/** A cluster whose coordinator acts, and has a command that nobody answers. */
function begun(seed: number, stations: number): Reigns {
  const reigns = new Reigns(seed, stations);
  reigns.untilActing(0, 10_000);
  reigns.submit(nodeUp("user-1"));
  reigns.world.until(() => reigns.commands.length > 0, 5_000, "the node is welcomed");
  return reigns;
}

const SEEDS = [1, 2, 3];

describe.each(SEEDS)("seed %i", (seed) => {
  it("R1 the coordinator dies: a new one acts within 3 s", () => {
    const reigns = begun(seed, 3);
    for (let deaths = 0; deaths < 4; deaths++) {
      const { epoch, process } = reigns.present;
      const atMs = reigns.world.nowMs;
      process.kill();
      reigns.untilActing(epoch, WITHIN_MS);
      expect(reigns.present.sinceMs - atMs).toBeLessThan(WITHIN_MS);
      reigns.world.runFor(700);
    }
    reigns.assertOneActed();
    expect(reigns.acting).toHaveLength(1);
  });

  it("R1 it hangs: a new one acts within 3 s; resumed, it refuses itself and says nothing more", () => {
    const reigns = begun(seed, 3);
    const { epoch, process } = reigns.present;
    process.pause();
    reigns.untilActing(epoch, WITHIN_MS);
    reigns.submit(nodeUp("user-1"));
    reigns.world.runFor(4_000);
    process.resume();
    reigns.world.runFor(3_000);
    expect(process.state).toBe("down");
    expect(reigns.acts.filter((act) => act.epoch === epoch).at(-1)?.what).toContain("stopped: the lease ran out");
    expect(reigns.acting).toHaveLength(1);
    reigns.assertOneActed();
  });

  it("R1 a short pause costs nothing", () => {
    const reigns = begun(seed, 3);
    const { epoch, process } = reigns.present;
    for (let pauses = 0; pauses < 3; pauses++) {
      process.pause();
      reigns.world.runFor(900);
      process.resume();
      reigns.world.runFor(900);
    }
    expect(reigns.present.epoch).toBe(epoch);
    expect(reigns.isActing).toBe(true);
  });

  it("R1 its whole node dies, or is cut off alone: a new one acts elsewhere, and there is one at the end", () => {
    for (const isCut of [false, true]) {
      const reigns = begun(seed, 3);
      const { world } = reigns;
      const { epoch, process } = reigns.present;
      const node = process.machine.name;
      let heal = (): void => undefined;
      if (isCut) heal = world.disconnect(node);
      else world.killMachine(node);
      reigns.untilActing(epoch, WITHIN_WITH_LEADER_MS);
      expect(reigns.present.process.machine.name).not.toBe(node);
      world.runFor(5_000);
      expect(process.state).toBe("down");
      heal();
      for (const each of world.processes)
        if (each.machine.name === node && !/coordinator/.test(each.name)) each.start();
      world.runFor(8_000);
      expect(reigns.acting).toHaveLength(1);
      reigns.assertOneActed();
    }
  });

  it("R1 without a quorum none acts; with it again one does", () => {
    const reigns = begun(seed, 3);
    const { world } = reigns;
    const { epoch } = reigns.present;
    const dead = reigns.names.slice(0, 2).map((name) => `${name}/station-replica`);
    const stations = world.processes.filter(({ id }) => dead.includes(id));
    for (const station of stations) station.kill();
    world.runFor(2_500);
    expect(reigns.acting).toEqual([]);
    world.runFor(20_000);
    expect(reigns.acting).toEqual([]);
    expect(reigns.present.epoch).toBe(epoch);
    for (const station of stations) station.start();
    reigns.untilActing(epoch, 15_000);
    reigns.assertOneActed();
  });

  it.each([1, 3])(
    "R4 all of the station (%i) stopped and started: graph, rule instances and outbox are there",
    (count) => {
      const reigns = begun(seed, count);
      const { world } = reigns;
      // A rule in the middle of its waiting: one of two monitors accuses a node.
      for (const name of ["user-2", "user-3"]) reigns.submit(nodeUp(name, ["monitor"]));
      world.runFor(1_000);
      const accusations = [{ monitor: "user-2", silentMs: 3_000 }];
      reigns.submit({ kind: "nodeUnreachable", value: { node: "user-1", session: 3, accusations } });
      world.until(() => reigns.stored("i").length > 0, 2_000, "the rule waits");
      world.runFor(100);
      const before = [reigns.stored("g"), reigns.stored("i"), reigns.stored("o")];
      expect(before.every((part) => part.length > 0)).toBe(true);
      const ids = reigns.stored("o").map(([key]) => key.slice(2));
      const { epoch } = reigns.present;
      for (const each of world.processes) if (each.machine.name !== "client") each.kill();
      world.runFor(10_000);
      for (const each of world.processes) if (!/coordinator/.test(each.name)) each.start();
      // Less than a lease: what a supervisor waits at least.
      world.runFor(1_500);
      expect([reigns.stored("g"), reigns.stored("i"), reigns.stored("o")]).toEqual(before);
      const sentBefore = reigns.commands.length;
      reigns.untilActing(epoch, 15_000);
      world.runFor(3_000);
      const again = new Set(reigns.commands.slice(sentBefore).map(({ what }) => what));
      for (const id of ids.filter((each) => reigns.commands.some(({ what }) => what === each)))
        expect(again).toContain(id);
      const healed = reigns.decisions.filter((text) => text.startsWith("accused by too few"));
      expect(healed).toHaveLength(1);
      expect(reigns.stored("i").filter(([key]) => key.includes("node-unreachable"))).toEqual([]);
      reigns.assertOneActed();
    },
  );
});
