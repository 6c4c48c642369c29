import { dataStoreConformance, type ReplicatorHarness, replicatorConformance } from "@halon/replicator/conformance";
import { describe, expect, it } from "vitest";
import { encodeFrame } from "../src/frame-codec.ts";
import { SimulatedGroup } from "./group.ts";

const PATIENCE_MS = 60_000;

const harness: ReplicatorHarness = {
  async open(machine, watch) {
    const { world, replicator } = new SimulatedGroup(machine, { ...(watch && { watch }) });
    return {
      replicator,
      until: async (condition) => world.until(condition, PATIENCE_MS, "the condition of the test"),
      close: async () => world.finish(),
    };
  },
};

replicatorConformance({ describe, it, expect }, harness);
dataStoreConformance({ describe, it, expect }, harness);

const counter = () => {
  let applied = 0;
  return {
    get applied() {
      return applied;
    },
    apply: () => {
      applied++;
      return new Uint8Array(0);
    },
    query: () => new Uint8Array(0),
  };
};

describe("LogReplicator", () => {
  it("L2 gets its answer over the death of the leader, and is applied once on each member", () => {
    const machine = counter();
    const group = new SimulatedGroup(machine);
    const { world, replicator } = group;
    world.until(() => group.leader !== undefined, PATIENCE_MS, "somebody leads");
    const { leader } = group;
    let done = 0;
    for (let at = 0; at < 10; at++) replicator.update(new Uint8Array(0), {}, () => done++);
    world.until(() => machine.applied > 0, PATIENCE_MS, "the leader has applied something");
    leader?.kill();
    world.until(() => done === 10, PATIENCE_MS, "all are answered");
    world.runFor(1_000);
    expect(machine.applied).toBeGreaterThanOrEqual(20);
    const before = machine.applied;
    leader?.start();
    world.runFor(5_000);
    expect(machine.applied - before).toBeLessThanOrEqual(10);
    expect(replicator.waiting).toBe(0);
  });

  it("a group whose journals are longer than what is read at a time takes up where it was", () => {
    const group = new SimulatedGroup(counter());
    const { world, replicator } = group;
    let done = 0;
    for (let at = 0; at < 50; at++) replicator.update(new Uint8Array(250_000).fill(at), {}, () => done++);
    world.until(() => done === 50, PATIENCE_MS, "all are applied");
    for (const member of group.members) member.kill();
    for (const member of group.members) member.start();
    replicator.update(new Uint8Array(0), {}, () => done++);
    world.until(() => done === 51, PATIENCE_MS, "it goes on");
    const applied = (): number[] => group.members.map(({ instance }) => instance?.member.status.applied ?? 0);
    world.until(() => new Set(applied()).size === 1, PATIENCE_MS, "all have applied the same");
  });

  it("counts and drops submissions, messages and replies that mean nothing", () => {
    const group = new SimulatedGroup(counter());
    const { world } = group;
    world.until(() => group.leader !== undefined, PATIENCE_MS, "somebody leads");
    const member = group.members[0]?.instance?.member;
    const before = member?.status;
    group.say("submit.a", Uint8Array.of(255, 255, 255));
    group.say("to.a.b", Uint8Array.of(1, 2, 3));
    group.say("to.all.mallory", new Uint8Array(0));
    // Signed by a member, sent by another.
    group.say("to.a.mallory", encodeFrame({ from: "b", body: { kind: "consensus", bytes: new Uint8Array(8) } }));
    world.runFor(100);
    expect((member?.status.dropped ?? 0) - (before?.dropped ?? 0)).toBe(1);
    expect((member?.status.refusedFrames ?? 0) - (before?.refusedFrames ?? 0)).toBe(3);
    expect(member?.status.refused).toBe(before?.refused);
    let done = 0;
    group.replicator.update(new Uint8Array(0), {}, () => done++);
    world.until(() => done === 1, PATIENCE_MS, "it still answers");
  });

  it("asks again when a reply means nothing, and counts it", () => {
    const group = new SimulatedGroup(counter());
    const { world, replicator } = group;
    world.until(() => group.leader !== undefined, PATIENCE_MS, "somebody leads");
    const [first] = group.members;
    first?.kill();
    const liar = world.spawn("liar", "app", ({ transport }) => {
      transport.subscribe("submit.a", {}, ({ respond }) => respond?.(Uint8Array.of(255, 255)));
      return { stop: () => undefined };
    });
    let done = 0;
    replicator.update(new Uint8Array(0), {}, () => done++);
    world.until(() => done === 1, PATIENCE_MS, "another member answers");
    expect(replicator.malformed).toBeGreaterThanOrEqual(1);
    expect(liar.state).toBe("running");
  });

  it("answers nobody when stopped", () => {
    const group = new SimulatedGroup(counter());
    let done = 0;
    group.replicator.update(new Uint8Array(0), {}, () => done++);
    group.replicator.stop();
    group.world.runFor(5_000);
    expect(done).toBe(0);
  });
});
