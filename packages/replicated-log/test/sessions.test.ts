import { Applier, type Command, SESSIONS_MAX, WINDOW } from "@halon/replicated-log";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { command, logMachine, say, update } from "./commands.ts";
import { MapStore } from "./map-store.ts";

const REGISTER = command("register");

/** A log whose decrees are applied as they come, with a restart from the store where asked for. */
class Log {
  readonly store = new MapStore();
  #applier = new Applier(this.store, logMachine);

  decide(...commands: readonly Command[]): string[] {
    return this.#applier.apply(this.#applier.applied + 1, { elapsedMs: 0, commands }).map(say);
  }

  restart(): void {
    this.#applier = new Applier(this.store, logMachine);
  }
}

/** Remembers every answer for ever: what sessions do, without their limits. */
class Twin {
  #log = "";
  #sessions = 0;
  readonly #answers = new Map<string, string>();
  readonly #lowest = new Map<number, number>();

  decide(each: Command): string {
    if (each.kind === "register") return `result ${++this.#sessions}`;
    const { session, seq } = each;
    if (session < 1 || session > this.#sessions) return "refused session-unknown";
    const lowest = Math.max(1, this.#lowest.get(session) ?? 1, each.lowest);
    this.#lowest.set(session, lowest);
    if (seq < lowest) return "refused answered";
    if (seq >= lowest + WINDOW) return "refused window";
    const known = this.#answers.get(`${session}/${seq}`);
    if (known !== undefined) return known;
    this.#log += `${session}.${seq};`;
    this.#answers.set(`${session}/${seq}`, `result ${this.#log}`);
    return `result ${this.#log}`;
  }
}

const someUpdate = fc
  .record({
    session: fc.integer({ min: 0, max: 4 }),
    seq: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 12 }) }, fc.integer({ min: 1_020, max: 1_040 })),
    lowest: fc.integer({ min: 0, max: 10 }),
  })
  .map(({ session, seq, lowest }) => update(session, seq, lowest));
const someDecree = fc.array(
  fc.oneof({ weight: 1, arbitrary: fc.constant(REGISTER) }, { weight: 6, arbitrary: someUpdate }),
  {
    maxLength: 5,
  },
);

describe("sessions", () => {
  it("answer like somebody who forgets nothing, over restarts too", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(someDecree, fc.boolean()), { maxLength: 20 }), (decrees) => {
        const log = new Log();
        const twin = new Twin();
        for (const [commands, restarts] of decrees) {
          expect(log.decide(...commands)).toEqual(commands.map((each) => twin.decide(each)));
          if (restarts) log.restart();
        }
      }),
      { numRuns: 300 },
    );
  });

  it("L2 forget results that were answered: a session keeps no more than its window", () => {
    const log = new Log();
    log.decide(REGISTER);
    for (let seq = 1; seq <= 3 * WINDOW; seq++) log.decide(update(1, seq, Math.max(1, seq - 10), "x"));
    expect(log.store.keys("~result/").length).toBe(11);
    for (let seq = 3 * WINDOW + 1; seq <= 5 * WINDOW; seq++) log.decide(update(1, seq, 3 * WINDOW, "x"));
    expect(log.store.keys("~result/").length).toBe(WINDOW);
  });

  it("L2 forget the session unused for the longest time, and all its results, beyond the most that are kept", () => {
    const log = new Log();
    for (let count = 0; count < SESSIONS_MAX; count++) log.decide(REGISTER);
    log.decide(update(1, 1, 1), update(2, 1, 1), update(3, 1, 1));
    // 4 is now the oldest, then 5.
    expect(log.decide(REGISTER)).toEqual([`result ${SESSIONS_MAX + 1}`]);
    expect(log.decide(update(4, 1, 1))).toEqual(["refused session-unknown"]);
    log.restart();
    for (let count = 5; count <= SESSIONS_MAX; count++) log.decide(REGISTER);
    expect(log.store.keys("~session/").length).toBe(SESSIONS_MAX);
    expect(log.store.keys("~result/").length).toBe(3);
    // Used in one decree: of equally old ones the lower number goes.
    log.decide(REGISTER);
    expect(log.decide(update(1, 2, 1), update(2, 2, 1))[0]).toBe("refused session-unknown");
    expect(log.store.keys("~result/").length).toBe(3);
  });

  it("never take a command of a forgotten session for a new one", () => {
    const log = new Log();
    log.decide(REGISTER);
    log.decide(update(1, 1, 1, "once"));
    for (let count = 0; count < SESSIONS_MAX; count++) log.decide(REGISTER);
    expect(log.decide(update(1, 1, 1, "once"))).toEqual(["refused session-unknown"]);
    expect(log.decide(command("read"))).toEqual(["result once;"]);
  });
});
