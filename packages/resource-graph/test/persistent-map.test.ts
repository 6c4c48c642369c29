import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Edit } from "../src/map-node.ts";
import { PersistentMap } from "../src/persistent-map.ts";

type Step = { readonly kind: "with" | "without"; readonly key: number; readonly newEdit: boolean };

const key = (number: number): string => `k${number}`;
const sorted = (map: Map<string, number>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe("PersistentMap", () => {
  it("is a Map with sorted keys, and older versions stay, through many splits and joins", () => {
    const step: fc.Arbitrary<Step> = fc.record({
      kind: fc.constantFrom("with", "with", "without"),
      key: fc.nat(3_000),
      newEdit: fc.boolean(),
    });
    const runs = fc.array(fc.tuple(step, fc.integer({ min: 1, max: 400 }), fc.constantFrom(-1, 1, 7)), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(runs, (program) => {
        const twin = new Map<string, number>();
        let map = PersistentMap.empty<number>();
        let edit = new Edit();
        let kept: { readonly map: PersistentMap<number>; readonly entries: unknown } = { map, entries: [] };
        for (const [{ kind, key: start, newEdit }, count, stride] of program) {
          if (newEdit) {
            edit = new Edit();
            kept = { map, entries: sorted(twin) };
          }
          for (let at = 0; at < count; at++) {
            const k = key(Math.abs(start + at * stride) % 3_001);
            if (kind === "with") twin.set(k, at);
            else twin.delete(k);
            map = kind === "with" ? map.with(k, at, edit) : map.without(k, edit);
          }
          expect([...map.entries()]).toEqual(sorted(twin));
          expect(map.size).toBe(twin.size);
          expect([...kept.map.entries()]).toEqual(kept.entries);
        }
        const all = sorted(twin);
        for (let number = 0; number <= 3_001; number += 13) {
          expect(map.get(key(number))).toBe(twin.get(key(number)));
          expect(map.has(key(number))).toBe(twin.has(key(number)));
          const [first] = map.entries(key(number));
          expect(first).toEqual(all.find(([k]) => k > key(number)));
        }
        expect(map.keys()).toEqual([...twin.keys()].sort());
      }),
      { numRuns: 15 },
    );
  });

  it("of entries that are made when somebody looks is that of the same entries, and goes on as that does", () => {
    const step = fc.record({ kind: fc.constantFrom("with", "without", "look"), number: fc.nat(2_100) });
    fc.assert(
      fc.property(fc.nat(2_000), fc.array(step, { maxLength: 200, size: "max" }), (count, steps) => {
        const all = Array.from({ length: count }, (_, at) => key(10_000 + at));
        let made = 0;
        const valueAt = (place: number): number => {
          made++;
          return place;
        };
        const entries = { keyAt: (place: number) => all[place] as string, valueAt };
        const unread = PersistentMap.reading<number>(entries, 0, count);
        const twin = new Map(all.map((k, at) => [k, at]));
        expect([unread.size, made]).toEqual([count, 0]);
        let map = unread;
        for (const { kind, number } of steps) {
          const k = key(10_000 + number);
          if (kind === "look") expect(map.get(k)).toBe(twin.get(k));
          else if (kind === "with") map = map.with(k, number + 1, new Edit());
          else map = map.without(k, new Edit());
          if (kind === "with") twin.set(k, number + 1);
          if (kind === "without") twin.delete(k);
        }
        expect([...map.entries()]).toEqual(sorted(twin));
        expect(map.size).toBe(twin.size);
        expect([...unread.entries()]).toEqual(all.map((k, at) => [k, at]));
      }),
      { numRuns: 60 },
    );
  });

  it("looks at no more of what is not read yet than is asked for", () => {
    const read: number[] = [];
    const entries = { keyAt: (place: number) => key(10_000 + place), valueAt: (place: number) => read.push(place) };
    const map = PersistentMap.reading<number>(entries, 0, 10_000);
    map.get(key(15_000));
    map.get(key(15_001));
    expect(read.length).toBe(32);
    // Going through all of it leaves it as it was.
    expect([...map.entries()].length).toBe(10_000);
    const before = read.length;
    map.get(key(10_000));
    map.get(key(15_000));
    expect(read.length).toBe(before + 32);
  });

  it("without a change is the same map", () => {
    const map = PersistentMap.empty<number>().with("a", 1, new Edit());
    expect(map.with("a", 1, new Edit())).toBe(map);
    expect(map.without("b", new Edit())).toBe(map);
  });

  it("emptied key by key, from either end and from the middle, is empty", () => {
    const keys = Array.from({ length: 5_000 }, (_, number) => String(number).padStart(5, "0"));
    for (const order of [
      keys,
      [...keys].reverse(),
      [...keys].sort((a, b) => ((Number(a) * 7919) % 5_000) - ((Number(b) * 7919) % 5_000)),
    ]) {
      const edit = new Edit();
      let map = PersistentMap.empty<number>();
      for (const k of keys) map = map.with(k, 0, edit);
      for (const k of order) map = map.without(k, edit);
      expect([map.size, map.keys()]).toEqual([0, []]);
    }
  });

  it("finds every key while blocks go and single keys come, in a tree of several levels", () => {
    const [keyCount, blockLength] = [20_000, 300];
    const name = (number: number): string => String(number % keyCount).padStart(5, "0");
    const edit = new Edit();
    const twin = new Set<string>();
    let map = PersistentMap.empty<number>();
    for (let at = 0; at < keyCount; at++) {
      twin.add(name(at * 7919));
      map = map.with(name(at * 7919), 0, edit);
    }
    for (let round = 0; round < 150; round++) {
      const start = (round * 6_271) % keyCount;
      for (let at = start; at < start + blockLength; at++) {
        twin.delete(name(at));
        map = map.without(name(at), edit);
      }
      for (const at of [0, 1, 90, 180, 181]) {
        twin.add(name(start + at));
        map = map.with(name(start + at), round, edit);
      }
      if (round % 10 === 9) {
        expect(map.keys()).toEqual([...twin].sort());
        expect([...twin].filter((key) => !map.has(key))).toEqual([]);
      }
    }
  });
});
