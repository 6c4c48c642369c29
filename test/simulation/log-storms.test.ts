import { simulate } from "@halon/simulation";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type LogModelOptions, logModel } from "./log-model.ts";

const replayOf = (seed: number): string => `npm run sim -- --model log --seed ${seed}`;
const run = (seed: number, options: LogModelOptions = {}) =>
  simulate(logModel(options), { seed, replay: replayOf(seed) });

describe("log under storms", () => {
  for (const founders of [1, 3, 5])
    it(`L1 ${founders} replicas, concurrent writers and readers over random faults: linearizable, then whole again`, () => {
      for (let seed = 1; seed <= 4; seed++) {
        const { operations, faults, virtualMs, checks } = run(seed, { founders });
        expect(operations).toBeGreaterThanOrEqual(100);
        expect(Object.keys(faults).length).toBeGreaterThanOrEqual(3);
        expect(virtualMs).toBeGreaterThanOrEqual(20_000);
        // None of the invariants had nothing to look at.
        expect(Object.values(checks).every((count) => count > 0)).toBe(true);
      }
    });

  it("the same seed twice gives the same trace hash", () => {
    const once = [11, 12].map((seed) => run(seed).hash);
    expect([11, 12].map((seed) => run(seed).hash)).toEqual(once);
    expect(once[0]).not.toBe(once[1]);
  });
});

describe("clocks", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_700_000_000_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("L13 clocks of members run 5 % fast and slow: leases stay safe", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const kinds = ["clock-rate", "clock-jump", "pause", "halves", "one-way"];
      const { checks } = run(seed, { founders: 3, stations: 3, kinds, safetyMs: 10_000 });
      expect(checks["exclusive-lease"]).toBeGreaterThan(50);
    }
  });

  it("L13 wall clocks jump by hours: nothing happens", () => {
    const options: LogModelOptions = { founders: 3, stations: 3, safetyMs: 5_000 };
    const calm = run(21, options).hash;
    let steps = 0;
    const jumping = run(21, {
      ...options,
      substitutes: {
        consensus: (_member, real) => ({
          get status() {
            return real.status;
          },
          get canPropose() {
            return real.canPropose;
          },
          step(input, nowMs) {
            // Forward and back, hours each.
            vi.setSystemTime(1_700_000_000_000 + (++steps % 7) * 3_600_000);
            return real.step(input, nowMs);
          },
        }),
      },
    }).hash;
    expect(steps).toBeGreaterThan(500);
    expect(jumping).toBe(calm);
  });
});
