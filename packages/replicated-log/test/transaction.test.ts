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
});
