import { simulate } from "@halon/simulation";
import { describe, expect, it } from "vitest";
import { logModel } from "./log-model.ts";

const replayOf = (seed: number): string => `npm run sim -- --model log --seed ${seed}`;

describe("log under storms", () => {
  for (const stations of [1, 3, 5])
    it(`L1 ${stations} replicas, concurrent writers and readers over random faults: linearizable, then whole again`, () => {
      const model = logModel({ stations, clients: 3 });
      for (let seed = 1; seed <= 4; seed++) {
        const { operations, faults, virtualMs } = simulate(model, { seed, replay: replayOf(seed) });
        expect(operations).toBeGreaterThanOrEqual(200);
        expect(faults).toBeGreaterThanOrEqual(10);
        expect(virtualMs).toBeGreaterThanOrEqual(60_000);
      }
    });

  it("the same seed twice gives the same trace hash", () => {
    const hashOf = (seed: number): string => simulate(logModel(), { seed, replay: replayOf(seed) }).hash;
    const once = [11, 12].map(hashOf);
    expect([11, 12].map(hashOf)).toEqual(once);
    expect(once[0]).not.toBe(once[1]);
  });
});
