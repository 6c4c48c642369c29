import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SortedMap } from "../src/index.ts";

const key = fc.integer({ min: 0, max: 3_000 }).map((number) => `k${number}`);
const change = fc.oneof(
  { weight: 3, arbitrary: fc.record({ key, value: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ key }) },
);
type Change = { readonly key: string; readonly value?: number };
const changes = fc.array<Change>(change, { minLength: 500, maxLength: 3_000, size: "max" });
const bound = fc.oneof(fc.constantFrom("", "k1", "k2", "k25", "k3", "\x7f"), key);
const ranges = fc.array(fc.tuple(bound, bound, fc.boolean()), { maxLength: 10 });

/** A sorted map beside the obvious one. */
class Pair {
  readonly #map = new SortedMap<number>();
  readonly #twin = new Map<string, number>();

  apply({ key, value }: Change): void {
    if (value === undefined) {
      this.#map.delete(key);
      this.#twin.delete(key);
    } else {
      this.#map.set(key, value);
      this.#twin.set(key, value);
    }
  }

  /** Deletes one key after the other, so that whole chunks empty. */
  deleteRange(from: string, to: string): void {
    for (const key of [...this.#twin.keys()].sort()) if (key >= from && key < to) this.apply({ key });
  }

  expectAlike(from: string, to: string, reverse: boolean): void {
    const inside = [...this.#twin].filter(([key]) => key >= from && key < to).sort(([a], [b]) => (a < b ? -1 : 1));
    expect(this.#map.size).toBe(this.#twin.size);
    expect([...this.#map.entries(from, to, reverse)]).toEqual(reverse ? inside.reverse() : inside);
    for (const [key, value] of inside) if (this.#map.get(key) !== value) expect.unreachable(`get(${key})`);
  }
}

describe("sorted map", () => {
  it("does what a Map does, in order, also when its chunks split and empty", () => {
    fc.assert(
      fc.property(changes, changes, ranges, (before, after, ranges) => {
        const pair = new Pair();
        for (const one of before) pair.apply(one);
        for (const [from, to, reverse] of ranges) pair.expectAlike(from, to, reverse);
        pair.deleteRange("k1", "k25");
        pair.expectAlike("", "\x7f", false);
        for (const [at, one] of after.entries()) {
          pair.apply(one);
          // Now and then: a few new keys since the last range was read, or many.
          if (at % 7 === 0 && at < 400) pair.expectAlike("k1", "k3", at % 2 === 0);
        }
        for (const [from, to, reverse] of ranges) pair.expectAlike(from, to, reverse);
        pair.deleteRange("", "\x7f");
        pair.expectAlike("", "\x7f", true);
      }),
      { numRuns: 8 },
    );
  });
});
