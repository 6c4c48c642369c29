import { type Store, type StoreError, VirtualClock } from "@halon/runtime";
import { type StoreHarness, storeConformance } from "@halon/runtime/conformance";
import { describe, expect, it } from "vitest";
import { MemoryStoreDisk, openStoreMemory } from "../src/index.ts";

const clock = new VirtualClock();

const harness: StoreHarness = {
  async fresh() {
    const disk = new MemoryStoreDisk();
    let crashes = 0;
    return {
      open: async () => openStoreMemory({ disk, clock, flushMs: () => (crashes + 1) * 0.3, identity: "c/n1/1" }),
      crash: async () => disk.crash(crashes++ * 3),
    };
  },
  async until(condition) {
    while (!condition()) if (!clock.step()) throw new Error("nothing is left to happen");
  },
};

storeConformance({ describe, it, expect }, harness);

const put = (store: Store, key: string): void => store.write([{ kind: "put", key, value: Buffer.from(key) }]);
const keys = (store: Store): string[] => store.range({ from: "", to: "\x7f" }).map(([key]) => key);
const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    return (error as StoreError).code;
  }
  return "none";
};

describe("memory store", () => {
  it("commits by itself, and loses in a crash all but the batches that the caller keeps", () => {
    for (let keep = 0; keep <= 4; keep++) {
      const clock = new VirtualClock();
      const disk = new MemoryStoreDisk();
      const open = (): Store => openStoreMemory({ disk, clock, flushMs: 2, identity: "i" });
      const store = open();
      put(store, "a");
      put(store, "b");
      clock.runUntil(2);
      for (const key of ["c", "d", "e"]) put(store, key);
      clock.runUntil(3);
      store.flush(() => expect.unreachable("called back after the crash"));
      disk.crash(keep);
      clock.runUntil(10);
      expect(codeOf(() => put(store, "f"))).toBe("closed");
      expect(keys(open())).toEqual(["a", "b", "c", "d", "e"].slice(0, 2 + keep));
    }
  });

  it("fails for good with a failed commit", () => {
    const clock = new VirtualClock();
    const disk = new MemoryStoreDisk();
    const store = openStoreMemory({ disk, clock, flushMs: 1, identity: "i" });
    const failures: string[] = [];
    store.onFailure((error) => failures.push(error.code));
    put(store, "a");
    store.flush(() => expect.unreachable("reported as durable"));
    disk.failNextCommit();
    clock.runUntil(10);
    expect(failures).toEqual(["io"]);
    expect(codeOf(() => put(store, "b"))).toBe("io");
    disk.crash();
    expect(keys(openStoreMemory({ disk, clock, flushMs: 1, identity: "i" }))).toEqual([]);
  });

  it("refuses a foreign identity, and a batch too many", () => {
    const clock = new VirtualClock();
    const disk = new MemoryStoreDisk();
    const store = openStoreMemory({ disk, clock, flushMs: 1, identity: "i", waitingMax: 2 });
    for (const key of ["a", "b"]) put(store, key);
    expect(codeOf(() => put(store, "c"))).toBe("busy");
    clock.runUntil(10);
    put(store, "c");
    expect(keys(store)).toEqual(["a", "b", "c"]);
    void store.close();
    expect(codeOf(() => openStoreMemory({ disk, clock, flushMs: 1, identity: "other" }))).toBe("foreign");
  });

  it("reads a short range of many keys without touching the rest", () => {
    const clock = new VirtualClock();
    const store = openStoreMemory({ disk: new MemoryStoreDisk(), clock, flushMs: 1, identity: "i" });
    const key = (at: number): string => `k${String((at * 7919) % 100_000).padStart(6, "0")}`;
    const value = new Uint8Array(1);
    store.write(Array.from({ length: 100_000 }, (_, at) => ({ kind: "put", key: key(at), value }) as const));
    // 20 000 ranges over 100 000 keys: sorting or copying all of them each time would run into the test's time limit.
    for (let at = 0; at < 20_000; at++) {
      const [first] = store.range({ from: key(at), to: "\x7f", limit: 1 });
      expect(first?.[0] === key(at)).toBe(true);
    }
    expect(store.range({ from: "k000000", to: "k000003" }).map(([found]) => found)).toEqual([
      "k000000",
      "k000001",
      "k000002",
    ]);
  });
});
