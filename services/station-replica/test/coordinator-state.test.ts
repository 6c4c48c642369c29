import { enqueue, eventsAfter, queuedCount } from "@halon/event-queue";
import { type Checkpoint, decodeDecision, decodeLease, type KeyChange } from "@halon/proto";
import { type AppliedStore, Transaction } from "@halon/replicated-log";
import { VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { checkpoint, DECISIONS_MAX, grantLease, readLease } from "../src/coordinator-state.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const LOG_TIME_MS = 77;

let store: AppliedStore;
beforeEach(() => {
  const [clock, disk] = [new VirtualClock(), new MemoryStoreDisk()];
  store = openStoreMemory({ disk, clock, flushMs: 1, identity: "a" });
});

/** As one decree of one command. */
function decide<T>(command: (state: Transaction) => T): T {
  const transaction = new Transaction(store);
  const result = command(transaction);
  transaction.commit();
  return result;
}

const grant = (epoch: number, number: number, holder: string) =>
  decide((state) => grantLease(state, { epoch, checkpoint: number, holder }, LOG_TIME_MS));

const put = (key: string, text: string): KeyChange => ({ key, value: bytes(text) });

const write = (epoch: number, number: number, rest: Partial<Checkpoint> = {}) =>
  decide((state) =>
    checkpoint(state, { consumed: [], changes: [], decisions: [], ...rest, epoch, number }, LOG_TIME_MS),
  );

const text = (key: string): string | undefined => {
  const value = store.get(key);
  return value === undefined ? undefined : new TextDecoder().decode(value);
};

describe("the coordinator's lease", () => {
  it("is nobody's at first, and goes to who names exactly how it stands", () => {
    expect(readLease(store)).toEqual({ epoch: 0, holder: "", checkpoint: 0 });
    expect(grant(0, 0, "a")).toEqual({
      granted: true,
      lease: { epoch: 1, holder: "a", checkpoint: 0 },
      logTimeMs: LOG_TIME_MS,
    });
  });

  it("is refused to whoever has not seen the last renewal, and he is told how it stands", () => {
    grant(0, 0, "a");
    write(1, 1);
    for (const [epoch, number] of [
      [0, 0],
      [1, 0],
      [1, 2],
      [2, 1],
    ] as const)
      expect(grant(epoch, number, "b")).toMatchObject({
        granted: false,
        lease: { epoch: 1, holder: "a", checkpoint: 1 },
      });
    expect(grant(1, 1, "b")).toMatchObject({ granted: true, lease: { epoch: 2, holder: "b", checkpoint: 0 } });
  });

  it("asked for again by who has just got it, it is granted again, without a new epoch; not after his first checkpoint", () => {
    grant(0, 0, "a");
    expect(grant(0, 0, "a")).toMatchObject({ granted: true, lease: { epoch: 1, checkpoint: 0 } });
    expect(grant(0, 0, "b").granted).toBe(false);
    write(1, 1);
    expect(grant(0, 0, "a").granted).toBe(false);
  });

  it("R1 of all that compete, each epoch has one holder, whatever the order of grants and checkpoints", () => {
    const step = fc.record({
      isGrant: fc.boolean(),
      epoch: fc.nat(4),
      number: fc.nat(3),
      holder: fc.constantFrom("a", "b", "c"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        store = openStoreMemory({ disk: new MemoryStoreDisk(), clock: new VirtualClock(), flushMs: 1, identity: "a" });
        const holders = new Map<number, string>();
        let last = { epoch: 0, checkpoint: 0 };
        for (const { isGrant, epoch, number, holder } of steps) {
          const { lease } = isGrant ? grant(epoch, number, holder) : write(epoch, number);
          expect(holders.get(lease?.epoch ?? 0) ?? lease?.holder).toBe(lease?.holder);
          holders.set(lease?.epoch ?? 0, lease?.holder ?? "");
          const now = readLease(store);
          expect(now.epoch * 1_000 + now.checkpoint).toBeGreaterThanOrEqual(last.epoch * 1_000 + last.checkpoint);
          last = now;
        }
      }),
    );
  });
});

describe("a checkpoint", () => {
  beforeEach(() => {
    grant(0, 0, "a");
    const event = (seq: number) => ({
      id: { producer: "p", incarnation: "i", seq },
      type: "t",
      payload: bytes("x"),
      traceparent: "",
      lowest: 1,
    });
    decide((state) => enqueue(state, { events: [event(1), event(2)] }, 0));
  });

  it("takes events away, changes keys, appends decisions and renews the lease, all in one", () => {
    decide((state) => state.put("g/old", bytes("1")));
    const decision = { rule: "r", instance: "i", text: "done", facts: "{}", events: [], logTimeMs: 0, epoch: 0 };
    const changes = [put("g/new", "2"), { key: "g/old" }, put("o/1", "command")];
    expect(write(1, 1, { consumed: [1], changes, decisions: [decision] })).toEqual({
      applied: true,
      lease: { epoch: 1, holder: "a", checkpoint: 1 },
      logTimeMs: LOG_TIME_MS,
    });
    expect(eventsAfter(store, 0, 10).map(({ position }) => position)).toEqual([2]);
    expect(queuedCount(store)).toBe(1);
    expect([text("g/new"), text("g/old"), text("o/1")]).toEqual(["2", undefined, "command"]);
    const [stored] = store.range({ from: "d/", to: "d0" });
    expect(decodeDecision(stored?.[1] ?? bytes(""))).toEqual({ ...decision, epoch: 1, logTimeMs: LOG_TIME_MS });
    expect(decodeLease(store.get("lease") ?? bytes(""))).toMatchObject({ checkpoint: 1 });
  });

  it("repeated, it is answered as applied and changes nothing", () => {
    write(1, 1, { changes: [put("g/k", "1")] });
    decide((state) => state.put("g/k", bytes("other")));
    expect(write(1, 1, { changes: [put("g/k", "1")], consumed: [1] }).applied).toBe(true);
    expect(text("g/k")).toBe("other");
    expect(queuedCount(store)).toBe(2);
  });

  it.each([
    ["of an older epoch", 0, 1],
    ["of an epoch that nobody was granted", 2, 1],
    ["that comes too early", 1, 2],
    ["numbered 0", 1, 0],
  ])("%s is refused, and nothing of it is done", (_, epoch, number) => {
    expect(write(epoch, number, { changes: [put("g/k", "1")], consumed: [1] })).toMatchObject({
      applied: false,
      lease: { epoch: 1, checkpoint: 0 },
    });
    expect(text("g/k")).toBeUndefined();
    expect(queuedCount(store)).toBe(2);
  });

  it("of a deposed coordinator is refused, although it is the next in its own epoch", () => {
    write(1, 1);
    grant(1, 1, "b");
    expect(write(1, 2, { changes: [put("g/k", "1")] })).toMatchObject({ applied: false, lease: { epoch: 2 } });
  });

  it.each(["lease", "q/0000000000000001", "~position", "d/0000000000000001", "g", ""])(
    "that would change %j is refused as a whole: a coordinator owns graph, rule instances and outbox",
    (key) => {
      const before = store.range({ from: "", to: "\x7f" });
      expect(write(1, 1, { changes: [put("g/k", "1"), put(key, "x")], consumed: [1] }).applied).toBe(false);
      expect(store.range({ from: "", to: "\x7f" })).toEqual(before);
    },
  );

  it("of many keeps the newest decisions only", () => {
    const decision = { rule: "r", instance: "i", text: "", facts: "", events: [], logTimeMs: 0, epoch: 0 };
    const per = 2_500;
    const checkpoints = DECISIONS_MAX / per + 1;
    for (let number = 1; number <= checkpoints; number++)
      write(1, number, {
        decisions: Array.from({ length: per }, (_, at) => ({ ...decision, text: `${number}-${at}` })),
      });
    const kept = store.range({ from: "d/", to: "d0" }).map(([, value]) => decodeDecision(value).text);
    expect(kept.length).toBe(DECISIONS_MAX);
    expect([kept[0], kept.at(-1)]).toEqual(["2-0", `${checkpoints}-${per - 1}`]);
  });
});
