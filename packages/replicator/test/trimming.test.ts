import { describe, expect, it } from "vitest";
import { Trimming } from "../src/trimming.ts";

function setUp() {
  const journal = { bytesCount: 0 };
  const flushes: (() => void)[] = [];
  const trims: number[] = [];
  const awaited: { decree?: number } = {};
  const store = { flush: (done: () => void) => flushes.push(done) };
  const trimming = new Trimming(2_000, {
    journal,
    store,
    random: { u32: () => 0 },
    trim: (through) => trims.push(through),
    awaited: () => awaited.decree,
  });
  return { journal, flushes, trims, awaited, trimming };
}

describe("Trimming", () => {
  it("asks each time the journal has grown enough, for what was applied the time before, when the state is durable", () => {
    const { journal, flushes, trims, trimming } = setUp();
    journal.bytesCount = 999;
    trimming.onApplied(5);
    journal.bytesCount = 1_000;
    trimming.onApplied(6);
    expect(flushes.length).toBe(0);
    journal.bytesCount = 1_999;
    trimming.onApplied(7);
    expect(flushes.length).toBe(0);
    journal.bytesCount = 2_000;
    trimming.onApplied(8);
    trimming.onApplied(9);
    expect([flushes.length, trims.length]).toEqual([1, 0]);
    flushes[0]?.();
    expect(trims).toEqual([6]);
  });

  it("counts the growth from what is left, however slowly space is given back", () => {
    const { journal, flushes, trims, trimming } = setUp();
    for (const [at, bytesCount] of [1_500, 2_500].entries()) {
      journal.bytesCount = bytesCount;
      trimming.onApplied(6 + at);
    }
    flushes[0]?.();
    trimming.onTrimmed();
    expect(trimming.count).toBe(1);
    journal.bytesCount = 300;
    trimming.onApplied(8);
    journal.bytesCount = 1_299;
    trimming.onApplied(9);
    expect(flushes.length).toBe(1);
    journal.bytesCount = 1_300;
    trimming.onApplied(10);
    flushes[1]?.();
    expect(trims).toEqual([6, 7]);
  });

  it("asks at once when told to, once for the same decree", () => {
    const { flushes, trims, trimming } = setUp();
    trimming.trimNow(0);
    trimming.trimNow(3);
    trimming.trimNow(4);
    for (const done of flushes) done();
    expect(trims).toEqual([3]);
    trimming.onTrimmed();
    trimming.trimNow(3);
    expect(flushes.length).toBe(1);
  });

  it("L6 keeps what a member will ask for that takes over a snapshot, but not beyond its bound", () => {
    const { journal, flushes, trims, awaited, trimming } = setUp();
    const grow = (bytesCount: number, applied: number): void => {
      journal.bytesCount = bytesCount;
      trimming.onApplied(applied);
      for (const done of flushes.splice(0)) {
        done();
        trimming.onTrimmed();
      }
    };
    grow(1_000, 10);
    awaited.decree = 4;
    grow(2_000, 20);
    expect(trims).toEqual([4]);
    // It has gone on to a newer one.
    awaited.decree = 7;
    grow(2_100, 21);
    expect(trims).toEqual([4, 7]);
    grow(2_499, 24);
    expect(trims).toEqual([4, 7]);
    grow(2_500, 25);
    expect(trims).toEqual([4, 7, 10]);
    // Nobody waits any more.
    delete awaited.decree;
    journal.bytesCount = 1_500;
    trimming.onApplied(26);
    grow(2_500, 30);
    expect(trims).toEqual([4, 7, 10, 20]);
  });

  it("L6 begins anew behind a state that was taken over: nothing is asked for that is gone already", () => {
    const { journal, flushes, trims, trimming } = setUp();
    journal.bytesCount = 1_000;
    trimming.onApplied(10);
    trimming.reset(50);
    for (const [bytesCount, applied] of [
      [2_000, 60],
      [3_000, 70],
    ] as const) {
      journal.bytesCount = bytesCount;
      trimming.onApplied(applied);
      for (const done of flushes.splice(0)) done();
    }
    expect(trims).toEqual([60]);
  });
});
