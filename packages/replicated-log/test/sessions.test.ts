import { Applier, type Command, SESSION_MS, SESSIONS_MAX, type SessionLimits, WINDOW } from "@halon/replicated-log";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { command, logMachine, say, update } from "./commands.ts";
import { MapStore, text } from "./map-store.ts";

const REGISTER = command("register");

/** A log whose decrees are applied as they come, with a restart from the store where asked for. */
class Log {
  readonly store = new MapStore();
  readonly #limits: Partial<SessionLimits>;
  #applier: Applier;

  constructor(limits: Partial<SessionLimits> = {}) {
    this.#limits = limits;
    this.#applier = new Applier(this.store, logMachine, limits);
  }

  decide(...commands: readonly Command[]): string[] {
    return this.pass(0, ...commands);
  }

  /** Log time goes on. */
  pass(elapsedMs: number, ...commands: readonly Command[]): string[] {
    return this.#applier.apply(this.#applier.applied + 1, { elapsedMs, commands }).map(say);
  }

  restart(): void {
    this.#applier = new Applier(this.store, logMachine, this.#limits);
  }

  /** Entries of results, without those that long ones have of their own. */
  get batches(): number {
    return this.store.keys("~result/").filter((key) => key.split("/").length === 3).length;
  }

  get text(): string {
    return text(this.#applier.query(new Uint8Array(0))) ?? "";
  }

  get digest(): string {
    return this.#applier.digest;
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
    expect(log.batches).toBe(11);
    for (let seq = 3 * WINDOW + 1; seq <= 5 * WINDOW; seq++) log.decide(update(1, seq, 3 * WINDOW, "x"));
    expect(log.batches).toBe(WINDOW);
  });

  it("L2 forget the session unused for the longest time, and all its results, beyond the most that are kept", () => {
    const most = 64;
    const log = new Log({ sessionsMax: most });
    for (let count = 0; count < most; count++) log.decide(REGISTER);
    log.decide(update(1, 1, 1), update(2, 1, 1), update(3, 1, 1));
    // 4 is now the oldest, then 5.
    expect(log.decide(REGISTER)).toEqual([`result ${most + 1}`]);
    expect(log.decide(update(4, 1, 1))).toEqual(["refused session-unknown"]);
    log.restart();
    for (let count = 5; count <= most; count++) log.decide(REGISTER);
    expect(log.store.keys("~session/").length).toBe(most);
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
    expect(log.text).toBe("once;");
  });

  it("are forgotten when unused for so long by log time, whatever clocks say, and not before", () => {
    const log = new Log();
    log.decide(REGISTER, REGISTER);
    log.pass(SESSION_MS - 1, update(1, 1, 1));
    expect(log.pass(1, update(1, 2, 1), update(2, 1, 1))).toEqual(["result 1.1;1.2;", "refused session-unknown"]);
    expect(log.store.keys("~session/").length).toBe(1);
    log.pass(SESSION_MS);
    expect(log.store.keys("~session/")).toEqual([]);
    expect(log.store.keys("~result/")).toEqual([]);
    expect(log.store.keys("~forgotten/")).toEqual([]);
  });

  it("clear away many results piece by piece, also over a restart", () => {
    const log = new Log({ sessionMs: 100 });
    const sessions = 6;
    log.decide(...Array.from({ length: sessions }, () => REGISTER));
    for (let seq = 1; seq <= WINDOW; seq++)
      log.decide(...Array.from({ length: sessions }, (_, at) => command("update", "", { session: at + 1, seq })));
    const stored = log.store.keys("~result/").length;
    log.pass(100);
    expect(log.store.keys("~result/").length).toBe(stored - 4_096 + Math.floor(4_096 / (stored / sessions)));
    expect(log.decide(update(1, 2, 1))).toEqual(["refused session-unknown"]);
    log.restart();
    for (let count = 0; count < 4; count++) log.decide();
    expect([...log.store.keys("~result/"), ...log.store.keys("~forgotten/")]).toEqual([]);
  });

  it("L2 keep the results of one decree together, long ones apart, until all of them were answered", () => {
    const log = new Log();
    const long = "x".repeat(2_000);
    log.decide(REGISTER);
    const told = log.decide(...[1, 2, 3].map((seq) => update(1, seq, 1, seq === 2 ? long : "y")));
    expect([log.batches, log.store.keys("~result/").length]).toEqual([1, 3]);
    for (let round = 0; round < 2; round++) {
      expect(log.decide(...[1, 2, 3].map((seq) => update(1, seq, 1, "again")))).toEqual(told);
      log.restart();
    }
    expect(log.decide(update(1, 4, 3, "z"), update(1, 3, 3, "again"))[1]).toBe(told[2]);
    log.restart();
    expect(log.decide(update(1, 3, 3, "again"))).toEqual([told[2]]);
    log.decide(update(1, 5, 5, "z"));
    expect(log.batches).toBe(1);
    expect(log.store.keys("~result/").length).toBe(2);
  });

  it("L12 are forgotten alike by replicas that restart at different times", () => {
    const someCommands = fc.array(
      fc.oneof(
        fc.constant(REGISTER),
        fc
          .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }))
          .map(([session, seq, lowest]) => update(session, seq, lowest, "x")),
      ),
      { maxLength: 6 },
    );
    const step = fc.tuple(fc.nat(300), someCommands, fc.boolean(), fc.boolean());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const limits = { sessionMs: 1_000, sessionsMax: 4 };
        const a = new Log(limits);
        const b = new Log(limits);
        for (const [elapsedMs, commands, restartsA, restartsB] of steps) {
          expect(b.pass(elapsedMs, ...commands)).toEqual(a.pass(elapsedMs, ...commands));
          expect(b.digest).toBe(a.digest);
          expect(a.store.keys("~session/").length).toBeLessThanOrEqual(4);
          if (restartsA) a.restart();
          if (restartsB) b.restart();
        }
      }),
      { numRuns: 300 },
    );
  });
});
