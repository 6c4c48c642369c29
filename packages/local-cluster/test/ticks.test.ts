import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { faultsIn } from "../src/story/ticks.ts";

const line = (token: number, pid: number, tick: number): string => `170000${tick} ${token} ${pid} user-${pid} ${tick}`;

describe("what the exclusive example has written", () => {
  it("is faultless when each process begins after the one before it has ended", () => {
    expect(faultsIn([line(1, 10, 1), line(1, 10, 2), line(1, 11, 1), line(5, 12, 1), ""])).toEqual([]);
    expect(faultsIn([])).toEqual([]);
  });

  it("shows two that ran at the same time", () => {
    expect(faultsIn([line(1, 10, 1), line(2, 11, 1), line(1, 10, 2)])).toEqual([
      "process 10 on user-10 ticked again after another had begun: two ran at the same time",
      "process 10 on user-10 has fencing token 1, which is below 2",
    ]);
    expect(faultsIn([line(1, 10, 1), line(1, 11, 1), line(1, 10, 2)])).toHaveLength(1);
  });

  it("finds every overlap: any order but one after the other", () => {
    const runs = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 12 });
    fc.assert(
      fc.property(runs, (pids) => {
        const hasOverlap = pids.some((pid, at) => pids.slice(0, at).includes(pid) && pids[at - 1] !== pid);
        expect(faultsIn(pids.map((pid, tick) => line(1, pid, tick))).length > 0).toBe(hasOverlap);
      }),
    );
  });
});
