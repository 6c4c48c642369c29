import { rendezvous } from "@halon/event-queue";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const names = Array.from({ length: 8 }, (_, at) => `monitor-${at}`);

describe("rendezvous", () => {
  it("is the same for everybody, whatever the order of the names", () => {
    fc.assert(
      fc.property(fc.string(), fc.shuffledSubarray(names, { minLength: 8 }), (key, shuffled) => {
        expect(rendezvous(key, shuffled, 3)).toEqual(rendezvous(key, names, 3));
      }),
    );
  });

  it("moves a key only when one of its own goes", () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...names), (key, gone) => {
        const before = rendezvous(key, names, 3);
        const after = rendezvous(
          key,
          names.filter((name) => name !== gone),
          3,
        );
        expect(after.slice(0, before.length - 1)).toEqual(before.filter((name) => name !== gone).slice(0, 2));
      }),
    );
  });

  it("spreads keys evenly", () => {
    const counts = new Map<string, number>();
    for (let key = 0; key < 8_000; key++) {
      const [name] = rendezvous(`user-${key}/${key}`, names, 1);
      counts.set(name ?? "", (counts.get(name ?? "") ?? 0) + 1);
    }
    expect(Math.min(...counts.values())).toBeGreaterThan(850);
    expect(Math.max(...counts.values())).toBeLessThan(1_150);
  });

  it("gives what there is when more is asked", () => {
    expect([rendezvous("k", [], 2), rendezvous("k", ["a"], 2)]).toEqual([[], ["a"]]);
  });
});
