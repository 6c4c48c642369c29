import type { LogOutput } from "@halon/replicated-log";
import { VirtualClock } from "@halon/runtime";
import { describe, expect, it } from "vitest";
import { ApplyQueue } from "../src/apply-queue.ts";
import { command } from "./transfer.ts";

const decree = (number: number, commands = 1, length = 10): LogOutput & { kind: "apply" } => ({
  kind: "apply",
  number,
  decree: { elapsedMs: 0, commands: Array.from({ length: commands }, () => command("x".repeat(length))) },
});

function setUp(heldMax?: number) {
  const clock = new VirtualClock();
  const applied: number[] = [];
  const reads: number[] = [];
  const flushes: (() => void)[] = [];
  const journal = { read: (seq: number) => [{ seq, bytes: new Uint8Array(0) }], writtenSeq: 0, durableSeq: 0 };
  let rewinds = 0;
  const queue = new ApplyQueue(
    {
      clock,
      store: { flush: (done) => flushes.push(done) },
      journal,
      apply: ({ number }) => applied.push(number),
      records: (token) => reads.push(token),
      rewind: () => rewinds++,
    },
    heldMax,
  );
  return { clock, applied, reads, flushes, journal, queue, rewinds: () => rewinds };
}

describe("ApplyQueue", () => {
  it("applies at once what a turn has room for, and the rest in later turns, in order", () => {
    const { clock, applied, queue } = setUp();
    for (let number = 1; number <= 10; number++) queue.push(decree(number, 300));
    expect(applied).toEqual([1, 2, 3, 4]);
    expect(queue.held).toBe(6);
    clock.step();
    expect(applied.length).toBe(8);
    clock.step();
    expect(applied).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("lets what a turn persists and sends leave first, in order with what follows", () => {
    const { clock, applied, journal, queue } = setUp();
    journal.writtenSeq = 1;
    queue.push(decree(1));
    journal.durableSeq = 1;
    queue.push(decree(2));
    expect(applied).toEqual([]);
    clock.step();
    expect(applied).toEqual([1, 2]);
    queue.push(decree(3));
    expect(applied).toEqual([1, 2, 3]);
  });

  it("waits for the disk, and reads no further than it applies", () => {
    const { clock, applied, reads, flushes, queue } = setUp();
    for (let number = 1; number <= 20; number++) queue.push(decree(number, 4, 256 * 1024));
    queue.push({ kind: "read", token: 7, seqs: [3] });
    while (clock.step());
    const before = applied.length;
    expect(before).toBeLessThan(20);
    expect(reads).toEqual([]);
    while (applied.length < 20) {
      flushes.shift()?.();
      while (clock.step());
    }
    expect(reads).toEqual([7]);
  });

  it("forgets what is more than it may hold, and has it delivered again once the rest is applied", () => {
    const { clock, applied, queue, rewinds } = setUp(5);
    for (let number = 1; number <= 20; number++) queue.push(decree(number, 2_000));
    expect(queue.held).toBe(5);
    while (clock.step());
    expect(applied).toEqual([1, 2, 3, 4, 5, 6]);
    expect(rewinds()).toBe(1);
    // Still on its way from before.
    queue.push(decree(21));
    while (clock.step());
    expect(rewinds()).toBe(1);
    queue.resume();
    queue.push(decree(7));
    expect(applied.at(-1)).toBe(7);
  });

  it("answers reads, and nothing else, when what it holds is dropped", () => {
    const { clock, applied, reads, queue } = setUp();
    for (let number = 1; number <= 3; number++) queue.push(decree(number, 2_000));
    queue.push({ kind: "read", token: 7, seqs: [3] });
    queue.drop();
    while (clock.step());
    expect(applied).toEqual([1]);
    expect(reads).toEqual([7]);
    queue.push(decree(9));
    expect(applied).toEqual([1, 9]);
  });
});
