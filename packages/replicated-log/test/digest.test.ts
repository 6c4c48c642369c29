import { Applier, digestOf, StateDigest, type StateMachine, type Transaction } from "@halon/replicated-log";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DIGEST_KEY, hash, INSTALLING_KEY, type Lanes, POSITION_KEY } from "../src/digest.ts";
import { command, update } from "./commands.ts";
import { bytes, MapStore, text } from "./map-store.ts";

const hashAll = (value: Uint8Array, lanes: Lanes): void =>
  hash(new DataView(value.buffer, value.byteOffset, value.length), lanes, 0, value.length);

/** Does to the state what the payload says: `put k v`, `delete k`, or both, one per line. */
const keeper: StateMachine = {
  apply(payload, state: Transaction) {
    for (const line of (text(payload) ?? "").split("\n")) {
      const [verb, key = "", value = ""] = line.split(" ");
      if (verb === "put") state.put(key, bytes(value));
      if (verb === "delete") state.delete(key);
    }
    return payload;
  },
  query: () => new Uint8Array(0),
};

const line = fc
  .tuple(fc.constantFrom("put", "delete"), fc.constantFrom("a", "b", "c", "dd", "e/1"), fc.string({ maxLength: 9 }))
  .map(([verb, key, value]) => `${verb} ${key} ${value.replaceAll(/\s/g, "_")}`);
const payload = fc.array(line, { minLength: 1, maxLength: 4 }).map((lines) => lines.join("\n"));
const someCommand = fc.oneof(
  payload.map((each) => command("idempotent", each)),
  fc.constant(command("register")),
  fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5 }), payload)
    .map(([session, seq, lowest, each]) => update(session, seq, lowest, each)),
);
const someDecree = fc.tuple(fc.nat(400), fc.array(someCommand, { maxLength: 5 }));

describe("digest", () => {
  it("is the same for entries in memory, in whatever order and among whatever else they lie", () => {
    const key = fc.oneof(
      fc.stringMatching(/^g\/v[er]\/[ -~]{0,6}\/[ab]{1,3}$/),
      fc.constantFrom("~a", POSITION_KEY, DIGEST_KEY),
    );
    const entry = fc.tuple(key, fc.uint8Array({ maxLength: 12 }));
    const long = fc.tuple(fc.constant("k".repeat(1_024)), fc.uint8Array({ maxLength: 3 }));
    const alikeOf = (a: string, b: string): number => {
      let alike = 0;
      while (alike < a.length && a[alike] === b[alike]) alike++;
      return alike;
    };
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 9, arbitrary: entry }, long)), (entries) => {
        const [apart, together] = [new StateDigest(), new StateDigest()];
        let before = "";
        for (const [each, value] of entries) {
          apart.add(each, value);
          const memory = Buffer.concat([Buffer.from(`x${each}`), value, Buffer.from("y")]);
          const alike = alikeOf(each, before);
          before = each;
          together.addFrom(memory, 1, 1 + each.length, alike, memory, 1 + each.length, 1 + each.length + value.length);
        }
        expect(together.toString()).toBe(apart.toString());
      }),
    );
  });

  it("hashes as MurmurHash3 does", () => {
    // From the reference implementation: 32 bits, x86.
    const vectors: [string, number, number][] = [
      ["", 0, 0],
      ["", 1, 0x514e28b7],
      ["", 0xffffffff, 0x81f16f39],
      ["test", 0x9747b28c, 0x704b81dc],
      ["Hello, world!", 0x9747b28c, 0x24884cba],
      ["The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd],
      ["aaa", 0x9747b28c, 0x283e0130],
      ["aa", 0x9747b28c, 0x5d211726],
      ["a", 0x9747b28c, 0x7fa09ea6],
    ];
    for (const [input, seed, expected] of vectors) {
      const lanes = { low: seed, high: 0 };
      hashAll(bytes(input), lanes);
      expect(lanes.low >>> 0, input).toBe(expected);
    }
  });

  it("spreads entries that are nearly alike over all values, in both lanes", () => {
    const seen = new Set<string>();
    const bits: number[] = Array.from({ length: 64 }, () => 0);
    const count = 4_000;
    for (let at = 0; at < count; at++) {
      const digest = new StateDigest();
      digest.add(`k${at % 200}`, Uint8Array.of(0, 0, 0, (at / 200) | 0, 0, 0, 0, 0x80));
      seen.add(digest.toString());
      const all = BigInt(`0x${digest.toString()}`);
      for (const bit of bits.keys()) if ((all >> BigInt(bit)) & 1n) bits[bit] = (bits[bit] ?? 0) + 1;
    }
    expect(seen.size).toBe(count);
    for (const each of bits) expect(Math.abs(each / count - 0.5)).toBeLessThan(0.05);
  });

  it("L16 kept up to date is the same as by looking at all of it, over restarts too", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(someDecree, fc.boolean()), { maxLength: 15 }), (decrees) => {
        const store = new MapStore();
        const limits = { sessionMs: 1_000, sessionsMax: 3 };
        let applier = new Applier(store, keeper, limits);
        for (const [at, [[elapsedMs, commands], restarts]] of decrees.entries()) {
          applier.apply(at + 1, { elapsedMs, commands });
          expect(applier.digest).toBe(digestOf(store));
          if (restarts) applier = new Applier(store, keeper, limits);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("does not depend on how the state came to be, only on what it is", () => {
    const key = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom("a", "b", "/", "0") });
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, fc.uint8Array()), { selector: ([name]) => name }), (entries) => {
        const there = new StateDigest();
        const back = new StateDigest();
        for (const [name, value] of entries) there.add(name, value);
        back.add("gone", bytes("x"));
        for (const [name, value] of entries.toReversed()) back.add(name, value);
        back.remove("gone", bytes("x"));
        expect(back.toString()).toBe(there.toString());
        expect(StateDigest.parse(there.toString()).toString()).toBe(there.toString());
      }),
    );
  });

  it("tells a flipped bit, a moved value and a shifted border of key and value", () => {
    const of = (...entries: [string, string][]): string => {
      const digest = new StateDigest();
      for (const [key, value] of entries) digest.add(key, bytes(value));
      return digest.toString();
    };
    const different = [
      of(),
      of(["a", ""]),
      of(["a", "x"], ["b", "y"]),
      of(["a", "y"], ["b", "x"]),
      of(["ab", "c"]),
      of(["a", "bc"]),
      of(["a", "bd"]),
      of(["a", "bc"], ["a ", ""]),
    ];
    expect(new Set(different).size).toBe(different.length);
  });

  it("leaves out what is about the state", () => {
    const digest = new StateDigest();
    for (const key of [POSITION_KEY, DIGEST_KEY, INSTALLING_KEY]) digest.add(key, bytes("x"));
    expect(digest.toString()).toBe("0".repeat(16));
    expect(() => StateDigest.parse("xyz")).toThrow("is no digest");
  });

  it("is found by looking when a store brings none", () => {
    const store = new MapStore();
    store.entries.set("a", bytes("1"));
    expect(new Applier(store, keeper).digest).toBe(digestOf(store));
  });

  it("tells the order of the words of a value, in both lanes", () => {
    const lanes = [Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0), Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0)].map((value) => {
      const both = { low: 1, high: 1 };
      hashAll(value, both);
      return both;
    });
    expect(lanes[0]?.low).not.toBe(lanes[1]?.low);
    expect(lanes[0]?.high).not.toBe(lanes[1]?.high);
  });
});
