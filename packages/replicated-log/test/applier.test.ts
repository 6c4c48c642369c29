import { createMembership } from "@halon/consensus";
import { Applier, INSTALLING_KEY, RESULT_BYTES_MAX, readState, type StateMachine } from "@halon/replicated-log";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { command, logMachine, say, update } from "./commands.ts";
import { bytes, MapStore, text } from "./map-store.ts";

const decree = (elapsedMs: number, ...commands: readonly ReturnType<typeof command>[]) => ({ elapsedMs, commands });

describe("Applier", () => {
  it("applies commands in order", () => {
    const applier = new Applier(new MapStore(), logMachine);
    expect(applier.apply(1, decree(0, command("idempotent", "a"), command("idempotent", "b"))).map(say)).toEqual([
      "result a;",
      "result a;b;",
    ]);
    expect(say(applier.answer(bytes("")))).toBe("result a;b;");
    expect(text(applier.query(bytes("")))).toBe("a;b;");
  });

  it("refuses what has no place in a decree, and applies the rest of it", () => {
    const applier = new Applier(new MapStore(), logMachine);
    const kinds = ["read", "stale", "reconfigure", "unsupported"] as const;
    const commands = [...kinds.map((kind) => command(kind, "x")), command("idempotent", "a")];
    expect(applier.apply(1, decree(0, ...commands)).map(say)).toEqual([
      ...kinds.map(() => "refused malformed"),
      "result a;",
    ]);
  });

  it("moves state, position and log time in one batch, and takes up from there", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1000), fc.boolean()), { maxLength: 20 }), (decrees) => {
        const store = new MapStore();
        let applier = new Applier(store, logMachine);
        let timeMs = 0;
        for (const [at, [elapsedMs, restarts]] of decrees.entries()) {
          applier.apply(at + 1, decree(elapsedMs, command("idempotent", "x")));
          timeMs += elapsedMs;
          expect(store.batches).toBe(at + 1);
          if (restarts) applier = new Applier(store, logMachine);
          expect([applier.applied, applier.logTimeMs]).toEqual([at + 1, timeMs]);
        }
      }),
    );
  });

  it("tells the state machine number and log time of the decree", () => {
    const machine: StateMachine = {
      apply: (_payload, _state, { number, logTimeMs }) => bytes(`${number} at ${logTimeMs}`),
      query: () => new Uint8Array(0),
    };
    const applier = new Applier(new MapStore(), machine);
    applier.apply(1, decree(700));
    expect(applier.apply(2, decree(5, command("idempotent"))).map(say)).toEqual(["result 2 at 705"]);
  });

  it("refuses to skip or to repeat a decree", () => {
    const applier = new Applier(new MapStore(), logMachine);
    applier.apply(1, decree(0));
    expect(() => applier.apply(1, decree(0))).toThrow("decree 1 to apply after 1");
    expect(() => applier.apply(3, decree(0))).toThrow("decree 3 to apply after 1");
  });

  it("refuses an answer that would be too large", () => {
    const machine: StateMachine = {
      apply: () => new Uint8Array(0),
      query: (payload) => new Uint8Array(Number(text(payload))),
    };
    const applier = new Applier(new MapStore(), machine);
    expect(applier.answer(bytes(`${RESULT_BYTES_MAX}`)).kind).toBe("result");
    expect(say(applier.answer(bytes(`${RESULT_BYTES_MAX + 1}`)))).toBe("refused too-large");
    expect(applier.query(bytes(`${RESULT_BYTES_MAX + 1}`)).byteLength).toBe(RESULT_BYTES_MAX + 1);
  });

  it("takes back the changes of a command whose result is too large, refuses it, and says the same for ever", () => {
    const store = new MapStore();
    const machine: StateMachine = {
      apply(payload, state) {
        state.put("last", payload);
        state.delete("kept");
        // Too much the first time only.
        return new Uint8Array(state.get("other") === undefined ? RESULT_BYTES_MAX + 1 : 1);
      },
      query: () => new Uint8Array(0),
    };
    store.entries.set("kept", bytes("k"));
    let applier = new Applier(store, machine);
    const outcomes = applier.apply(1, decree(0, command("register"), update(1, 1, 1), command("idempotent", "i")));
    expect(outcomes.map(say)).toEqual(["result 1", "refused too-large", "refused too-large"]);
    expect([store.entries.has("last"), store.entries.has("kept")]).toEqual([false, true]);
    store.entries.set("other", bytes("o"));
    applier = new Applier(store, machine);
    expect(applier.apply(2, decree(0, update(1, 1, 1), update(1, 2, 1))).map(({ kind }) => kind)).toEqual([
      "refused",
      "result",
    ]);
  });

  it("knows who votes: from the first decree of a reign, then from reconfigurations", () => {
    const store = new MapStore();
    let applier = new Applier(store, logMachine);
    const founding = createMembership(["a", "b", "c"]);
    applier.apply(1, decree(0));
    expect(applier.membership).toBeUndefined();
    applier.apply(2, { ...decree(0), inForce: founding });
    expect(applier.membership).toEqual({ membership: founding, first: 1 });
    const next = createMembership(["a", "b"], 2);
    applier.apply(3, decree(0), next);
    applier = new Applier(store, logMachine);
    expect(applier.membership).toEqual({ membership: next, first: 4 });
    // A late word about an earlier legislature changes nothing.
    applier.apply(4, { ...decree(0), inForce: founding });
    expect(applier.membership).toEqual({ membership: next, first: 4 });
    const recovered = createMembership(["d"], 9);
    applier.apply(5, { ...decree(0), inForce: recovered });
    expect(readState(store)).toMatchObject({ applied: 5, membership: { membership: recovered, first: 5 } });
  });

  it("takes up no state that is being replaced", () => {
    const store = new MapStore();
    store.entries.set(INSTALLING_KEY, new Uint8Array(0));
    expect(() => new Applier(store, logMachine)).toThrow("being replaced");
    store.entries.delete(INSTALLING_KEY);
    expect(new Applier(store, logMachine).applied).toBe(0);
  });

  it("L12 goes on from a copy of another's state as the other does", () => {
    const store = new MapStore();
    const applier = new Applier(store, logMachine);
    applier.apply(1, { ...decree(7, command("register"), update(1, 1, 1)), inForce: createMembership(["a"]) });
    const copy = new MapStore();
    for (const [key, value] of store.entries) copy.entries.set(key, value);
    const follower = new Applier(copy, logMachine);
    const decrees = [decree(5, update(1, 1, 1), update(1, 2, 1)), decree(5, command("register"), update(2, 1, 1))];
    for (const [at, each] of decrees.entries()) {
      expect(follower.apply(at + 2, each)).toEqual(applier.apply(at + 2, each));
      expect([follower.digest, follower.logTimeMs]).toEqual([applier.digest, applier.logTimeMs]);
    }
  });
});
