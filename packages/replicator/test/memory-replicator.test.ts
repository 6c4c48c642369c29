import { MemoryReplicator } from "@halon/replicator";
import { dataStoreConformance, type ReplicatorHarness, replicatorConformance } from "@halon/replicator/conformance";
import { VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import { describe, expect, it } from "vitest";

const harness: ReplicatorHarness = {
  async open(machine, watch) {
    const clock = new VirtualClock();
    const store = openStoreMemory({ disk: new MemoryStoreDisk(), clock, flushMs: 0.1, identity: "memory" });
    return {
      replicator: new MemoryReplicator(machine, { clock, store }, watch),
      async until(condition) {
        while (!condition()) if (!clock.step()) throw new Error("nothing is left to happen");
      },
      close: () => store.close(),
    };
  },
};

replicatorConformance({ describe, it, expect }, harness);
dataStoreConformance({ describe, it, expect }, harness);

describe("MemoryReplicator", () => {
  it("gives log time as it passes, fractions included, at most a second per call", async () => {
    const clock = new VirtualClock(77);
    const store = openStoreMemory({ disk: new MemoryStoreDisk(), clock, flushMs: 0.1, identity: "memory" });
    const times: number[] = [];
    const machine = {
      apply: (_payload: Uint8Array, _state: unknown, { logTimeMs }: { readonly logTimeMs: number }) => {
        times.push(logTimeMs);
        return new Uint8Array(0);
      },
      query: () => new Uint8Array(0),
    };
    const replicator = new MemoryReplicator(machine, { clock, store });
    for (const passMs of [0.6, 0.6, 100, 5_000, 1]) {
      clock.runUntil(clock.nowMs() + passMs);
      replicator.update(new Uint8Array(0), {}, () => undefined);
      clock.runUntil(clock.nowMs());
    }
    expect(times).toEqual([0, 1, 101, 1_101, 1_102]);
  });
});
