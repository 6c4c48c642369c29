import { Applier, type Command, digestOf } from "@halon/replicated-log";
import { DataStore, defineState, json, type Replicator, stateMachine } from "@halon/replicator";
import { type Store, VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";

const notes = defineState({
  values: json<{ readonly text: string }>(),
  commands: {
    write: (state, { key, text }: { readonly key: string; readonly text: string }) => {
      state.set(key, { text });
      return text.length;
    },
    clear: (state) => {
      for (const [key] of state.entries()) state.delete(key);
    },
  },
  projections: { all: (state) => state.entries() },
});

function openStore(): Store {
  return openStoreMemory({ disk: new MemoryStoreDisk(), clock: new VirtualClock(), flushMs: 0, identity: "s" });
}

describe("a data store", () => {
  it("takes what its definition takes, and nothing else", () => {
    const store = new DataStore(notes, {} as Replicator);
    type Store = typeof store;
    expectTypeOf<ReturnType<typeof store.watch>>().toExtend<AsyncGenerator<{ readonly kind: string }>>();
    const calls = (of: Store) => {
      // @ts-expect-error: no such command
      void of.updateStateWith("erase");
      // @ts-expect-error: a projection is no command
      void of.updateStateWith("all");
      // @ts-expect-error: arguments are missing
      void of.updateStateWith("write");
      // @ts-expect-error: arguments of another type
      void of.updateStateWith("write", { key: 1, text: "" });
      // @ts-expect-error: it takes no arguments
      void of.updateStateWith("clear", "all");
      expectTypeOf(of.updateStateWith("write", { key: "", text: "" })).resolves.toEqualTypeOf<number>();
      expectTypeOf(of.getState("all")).resolves.toExtend<{
        readonly state: readonly (readonly [string, { readonly text: string }])[];
      }>();
    };
    expect(calls).toBeTypeOf("function");
  });

  it("its state machine throws nothing, whatever comes, and is the same on all members", () => {
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
      fc
        .record({ name: fc.constantFrom("write", "clear", "all", "__proto__", "constructor"), args: fc.jsonValue() })
        .map((call) => new TextEncoder().encode(JSON.stringify(call))),
    );
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 12 }), (payloads) => {
        const results = [openStore(), openStore()].map((store) => {
          const applier = new Applier(store, stateMachine(notes));
          const commands = payloads.map(
            (each): Command => ({ kind: "idempotent", session: 0, seq: 0, lowest: 0, payload: each }),
          );
          const outcomes = applier.apply(1, { elapsedMs: 0, commands });
          for (const each of payloads) expect(applier.answer(each).kind).toBe("result");
          return JSON.stringify([outcomes, digestOf(store), applier.digest]);
        });
        expect(results[0]).toBe(results[1]);
      }),
    );
  });
});
