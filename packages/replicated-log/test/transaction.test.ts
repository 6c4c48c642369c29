import { Transaction } from "@halon/replicated-log";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytes, MapStore, text } from "./map-store.ts";

const key = fc.constantFrom("a", "b", "c", "d");
const step = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), key, value: fc.string({ maxLength: 2 }) }),
  fc.record({ kind: fc.constant("delete" as const), key }),
  fc.record({ kind: fc.constant("commit" as const) }),
  fc.record({
    kind: fc.constant("range" as const),
    from: fc.constantFrom("", "a", "b", "c"),
    to: fc.constantFrom("c", "d", "z"),
    limit: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    reverse: fc.boolean(),
  }),
);

const shown = (entries: readonly (readonly [string, Uint8Array])[]): string[] =>
  entries.map(([name, value]) => `${name}=${text(value)}`);

describe("Transaction", () => {
  it("reads as if its changes were written already, and writes them as one batch", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
        const store = new MapStore();
        const twin = new MapStore();
        let transaction = new Transaction(store);
        let commits = 0;
        for (const each of steps) {
          if (each.kind === "put") {
            transaction.put(each.key, bytes(each.value));
            twin.entries.set(each.key, bytes(each.value));
          } else if (each.kind === "delete") {
            transaction.delete(each.key);
            twin.entries.delete(each.key);
          } else if (each.kind === "commit") {
            transaction.commit();
            transaction = new Transaction(store);
            expect(store.batches).toBe(++commits);
            expect(shown(store.range({ from: "", to: "~" }))).toEqual(shown(twin.range({ from: "", to: "~" })));
          } else {
            const { from, to, limit, reverse } = each;
            const range = { from, to, reverse, ...(limit !== undefined && { limit }) };
            expect(shown(transaction.range(range))).toEqual(shown(twin.range(range)));
            expect(text(transaction.get(from))).toBe(text(twin.get(from)));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("leaves the store alone until it is committed", () => {
    const store = new MapStore();
    new Transaction(store).put("a", bytes("1"));
    expect(store.entries.size).toBe(0);
  });

  it("takes back what was changed since the savepoint, and nothing else", () => {
    const change = fc.tuple(key, fc.option(fc.string({ maxLength: 2 }), { nil: undefined }));
    const group = fc.tuple(fc.array(change, { maxLength: 6 }), fc.boolean(), fc.boolean());
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), fc.array(group, { maxLength: 8 }), (stored, groups) => {
        const store = new MapStore();
        for (const [name, value = ""] of stored) store.entries.set(name, bytes(value));
        const twin = new MapStore();
        for (const [name, value] of store.entries) twin.entries.set(name, value);
        const transaction = new Transaction(store);
        for (const [changes, isTakenBack, looks] of groups) {
          transaction.savepoint();
          const before = new Map(twin.entries);
          for (const [name, value] of changes)
            if (value === undefined) {
              transaction.delete(name);
              twin.entries.delete(name);
            } else {
              transaction.put(name, bytes(value));
              twin.entries.set(name, bytes(value));
            }
          if (looks) transaction.range({ from: "", to: "~" });
          if (isTakenBack) {
            transaction.rollback();
            twin.entries.clear();
            for (const [name, value] of before) twin.entries.set(name, value);
          }
          const all = { from: "", to: "~" };
          expect(shown(transaction.range(all))).toEqual(shown(twin.range(all)));
          for (const name of ["a", "b", "c", "d"]) expect(text(transaction.get(name))).toBe(text(twin.get(name)));
        }
        transaction.commit();
        expect(shown(store.range({ from: "", to: "~" }))).toEqual(shown(twin.range({ from: "", to: "~" })));
      }),
      { numRuns: 300 },
    );
  });

  it("finds few entries among many, stored and changed, without looking at all of them", () => {
    const store = new MapStore();
    const name = (at: number): string => `k${at.toString().padStart(6, "0")}`;
    for (let at = 0; at < 200; at++) store.entries.set(name(at), bytes("s"));
    const asked: (number | undefined)[] = [];
    const transaction = new Transaction({
      get: (key) => store.get(key),
      range(range) {
        asked.push(range.limit);
        return store.range(range);
      },
      write: (changes) => store.write(changes),
    });
    for (let at = 0; at < 150; at++) transaction.delete(name(at));
    transaction.put(name(170), bytes("t"));
    expect(transaction.range({ from: "k", to: "l", limit: 2 }).map(([key]) => key)).toEqual([name(150), name(151)]);
    expect(transaction.range({ from: "k", to: "l", limit: 1, reverse: true }).map(([key]) => key)).toEqual([name(199)]);
    expect(Math.max(...asked.map((limit) => limit ?? Number.POSITIVE_INFINITY))).toBeLessThanOrEqual(16);
    expect(transaction.range({ from: "k", to: "l" }).length).toBe(50);
  });

  it("costs what a range holds, not what was changed", () => {
    const store = new MapStore();
    const transaction = new Transaction(store);
    let looked = 0;
    for (let at = 0; at < 20_000; at++) {
      transaction.put(`k${at.toString().padStart(6, "0")}`, bytes(""));
      looked += transaction.range({ from: `k${at.toString().padStart(6, "0")}`, to: "l" }).length;
    }
    expect(looked).toBe(20_000);
  });
});
