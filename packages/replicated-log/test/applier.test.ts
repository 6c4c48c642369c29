import { Applier, RESULT_BYTES_MAX, type StateMachine } from "@halon/replicated-log";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { command, logMachine, say } from "./commands.ts";
import { bytes, MapStore, text } from "./map-store.ts";

const decree = (elapsedMs: number, ...commands: readonly ReturnType<typeof command>[]) => ({ elapsedMs, commands });

describe("Applier", () => {
  it("applies commands in order, and a read sees all before it and nothing after", () => {
    const applier = new Applier(new MapStore(), logMachine);
    const commands = [
      command("read"),
      command("idempotent", "a"),
      command("read"),
      command("idempotent", "b"),
      command("idempotent", "b"),
    ];
    expect(applier.apply(1, decree(0, ...commands)).map(say)).toEqual([
      "result ",
      "result a;",
      "result a;",
      "result a;b;",
      "result a;b;b;",
    ]);
    expect(text(applier.query(bytes("")))).toBe("a;b;b;");
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

  it("refuses a read whose answer would be too large, and goes on", () => {
    const answers = new Map([
      ["fits", RESULT_BYTES_MAX],
      ["large", RESULT_BYTES_MAX + 1],
    ]);
    const machine: StateMachine = {
      apply: () => new Uint8Array(0),
      query: (payload) => new Uint8Array(answers.get(text(payload) ?? "") ?? 0),
    };
    const applier = new Applier(new MapStore(), machine);
    const [fits, large] = applier.apply(1, decree(0, command("read", "fits"), command("read", "large")));
    expect(fits?.kind).toBe("result");
    expect(say(large)).toBe("refused too-large");
  });
});
