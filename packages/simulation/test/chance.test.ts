import { Chance } from "@halon/simulation";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const draw = (chance: Chance, count: number): number[] => Array.from({ length: count }, () => chance.u32());

describe("Chance", () => {
  it("is the same for the same seed and label, and another for another", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(draw(new Chance(seed), 8)).toEqual(draw(new Chance(seed), 8));
        expect(draw(new Chance(seed), 8)).not.toEqual(draw(new Chance(seed + 1), 8));
        const [a, b] = [new Chance(seed), new Chance(seed)];
        draw(a, 5);
        expect(draw(a.fork("x"), 8)).toEqual(draw(b.fork("x"), 8));
        expect(draw(a.fork("x"), 8)).not.toEqual(draw(a.fork("y"), 8));
      }),
    );
  });

  it("stays within what is asked for, and reaches all of it", () => {
    const chance = new Chance(7);
    const seen = new Set(Array.from({ length: 500 }, () => chance.below(5)));
    expect(seen).toEqual(new Set([0, 1, 2, 3, 4]));
    for (let count = 0; count < 500; count++) {
      expect(chance.between(3, 4)).toBeGreaterThanOrEqual(3);
      expect(chance.between(3, 4)).toBeLessThan(4);
      expect(chance.latency(1, 9)).toBeGreaterThanOrEqual(1);
      expect(chance.latency(1, 9)).toBeLessThan(9);
    }
    expect(chance.hits(0)).toBe(false);
    expect(chance.hits(1)).toBe(true);
    expect(chance.pick([])).toBe(undefined);
    expect(chance.shuffled(["a", "b", "c"]).sort()).toEqual(["a", "b", "c"]);
  });

  it("refuses what is no seed", () => {
    for (const seed of [-1, 0.5, 2 ** 32, Number.NaN]) expect(() => new Chance(seed)).toThrow("32 bits");
  });
});
