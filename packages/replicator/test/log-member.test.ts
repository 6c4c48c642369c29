import { createMembership } from "@halon/consensus";
import { MemoryDisk, openJournalMemory } from "@halon/journal-memory";
import { Paxos } from "@halon/paxos";
import type { StateMachine } from "@halon/replicated-log";
import { LogMember } from "@halon/replicator";
import { VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import { describe, expect, it } from "vitest";

const DECREES = 3_000;
/** More than a member may have written and not durable, and far less than all it has to apply. */
const WAITING_MAX = 1_000;

const counter: StateMachine = {
  apply(_, state) {
    const count = Number(new TextDecoder().decode(state.get("count") ?? new Uint8Array(0))) + 1;
    state.put("count", new TextEncoder().encode(String(count)));
    return new Uint8Array(0);
  },
  query: (_, state) => state.get("count") ?? new Uint8Array(0),
};

class Life {
  readonly clock = new VirtualClock();
  readonly member: LogMember;

  constructor(journalDisk: MemoryDisk, cacheBytesMax: number) {
    const { clock } = this;
    const mode = journalDisk.used ? "existing" : "create";
    const journal = openJournalMemory({ disk: journalDisk, clock, flushMs: 1, mode, identity: "a" });
    const storeDisk = new MemoryStoreDisk();
    const store = openStoreMemory({ disk: storeDisk, clock, flushMs: 5, identity: "a", waitingMax: WAITING_MAX });
    const consensus = new Paxos({ group: "g", self: "a", cacheBytesMax });
    const ports = { clock, random: { u32: () => 7 }, journal, store, send: () => undefined };
    this.member = new LogMember({ self: "a", consensus, machine: counter, founding: createMembership(["a"]) }, ports);
    this.member.start();
  }

  get count(): number {
    return Number(new TextDecoder().decode(this.member.query(new Uint8Array(0))));
  }

  until(condition: () => boolean): void {
    while (!condition()) if (!this.clock.step(60_000)) throw new Error(`nothing left to do; applied ${this.count}`);
  }
}

describe("a member whose applied state is gone", () => {
  const disk = new MemoryDisk();
  const first = new Life(disk, 8 * 1024 * 1024);
  first.until(() => first.member.status.role === "leader");
  const command = { kind: "idempotent", session: 0, seq: 0, lowest: 0, payload: new Uint8Array(8) } as const;
  let answered = 0;
  for (let n = 1; n <= DECREES; n++) {
    first.member.submitCommands([command], () => answered++);
    first.until(() => answered === n);
  }
  disk.crash();

  it.each([
    ["held in memory", 8 * 1024 * 1024],
    ["read from the journal", 1],
  ])("rebuilds it from the journal, no faster than the disk of the store takes it: decrees %s", (_, cacheBytesMax) => {
    const second = new Life(disk, cacheBytesMax);
    second.until(() => second.count === DECREES);
    expect(second.member.status.applied).toBeGreaterThanOrEqual(DECREES);
    disk.crash();
  });
});
