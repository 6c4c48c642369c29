import { queuedCount } from "@halon/event-queue";
import { decodeStateResult, encodeStateCommand } from "@halon/proto";
import { Transaction } from "@halon/replicated-log";
import { VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import { describe, expect, it } from "vitest";
import { StationState } from "../src/station-state.ts";

const open = () =>
  openStoreMemory({ disk: new MemoryStoreDisk(), clock: new VirtualClock(), flushMs: 0, identity: "test" });

const enqueue = (seq: number): Uint8Array => {
  const id = { producer: "p", incarnation: "i", seq };
  const event = { id, type: "test", payload: new Uint8Array(1), traceparent: "", lowest: 1 };
  return encodeStateCommand({ kind: "enqueue", value: { events: [event] } });
};

describe("StationState", () => {
  it("E7 a command of an unknown version, or of no version at all, is refused with a reason, counted, and disturbs nothing else", () => {
    const machine = new StationState(() => undefined);
    const store = open();
    const apply = (payload: Uint8Array) => {
      const transaction = new Transaction(store);
      const result = machine.apply(payload, transaction, { number: 1, logTimeMs: 0 });
      transaction.commit();
      return decodeStateResult(result);
    };
    expect(apply(enqueue(1)).kind).toBe("enqueue");
    const before = store.range({ from: "", to: "\x7f" });
    // Field 15 of kind "length-delimited": what a later version could have instead of the commands of this one.
    for (const payload of [Uint8Array.of(0x7a, 1, 0), Uint8Array.of(255, 255, 255), new Uint8Array(0)]) {
      const result = apply(payload);
      expect(result).toMatchObject({ kind: "malformed", value: expect.stringMatching(/./) });
    }
    expect(store.range({ from: "", to: "\x7f" })).toEqual(before);
    expect(apply(enqueue(2)).kind).toBe("enqueue");
    expect(queuedCount(store)).toBe(2);
    expect(machine.malformed).toBe(3);
  });
});
