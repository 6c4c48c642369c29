import { describe, expect, it } from "vitest";
import { Trimming } from "../src/trimming.ts";

function setUp() {
  const journal = { bytesCount: 0 };
  const flushes: (() => void)[] = [];
  const trims: number[] = [];
  const awaited: { decree?: number } = {};
  const store = { flush: (done: () => void) => flushes.push(done) };
  const trimming = new Trimming(4_000 / 3, {
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
});
