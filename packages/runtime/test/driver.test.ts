import { describe, expect, it } from "vitest";
import {
  AssertionError,
  Driver,
  type DriverOptions,
  type DriverOutput,
  type Journal,
  type JournalRecord,
  type TimerInput,
  VirtualClock,
} from "../src/index.ts";

/** Counts flushes, and makes durable only what the test says. */
class HandJournal implements Journal {
  readonly firstSeq = 1;
  readonly bytesCount = 0;
  writtenSeq = 0;
  durableSeq = 0;
  flushes = 0;
  #listener: (durableSeq: number) => void = () => {};

  append(_record: Uint8Array): number {
    return ++this.writtenSeq;
  }
  flush(): void {
    this.flushes++;
  }
  onDurable(listener: (durableSeq: number) => void): void {
    this.#listener = listener;
  }
  onFailure(): void {}
  read(): readonly JournalRecord[] {
    return [];
  }
  trim(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }

  becomeDurable(seq: number): void {
    this.durableSeq = seq;
    this.#listener(seq);
  }
}

interface Say {
  readonly kind: "say";
  readonly text: string;
  readonly afterPersist?: boolean;
}
type Output = Say | DriverOutput;
/** An input says what its step is to return. */
interface Ask {
  readonly kind: "ask";
  readonly outputs: readonly Output[];
}

const say = (text: string): Say => ({ kind: "say", text });
const sayDurably = (text: string): Say => ({ kind: "say", text, afterPersist: true });
const persist: DriverOutput = { kind: "persist", record: new Uint8Array(1) };
const timer = (name: string, atMs: number | undefined): DriverOutput => ({ kind: "timer", name, atMs });
const ask = (...outputs: Output[]): Ask => ({ kind: "ask", outputs });

function setUp(more: Partial<DriverOptions<Ask, Say>> = {}) {
  const clock = new VirtualClock();
  const journal = new HandJournal();
  const said: string[] = [];
  const steps: { readonly input: Ask | TimerInput; readonly nowMs: number }[] = [];
  const driver = new Driver<Ask, Say>({
    core: {
      step(input, nowMs) {
        steps.push({ input, nowMs });
        return input.kind === "ask" ? input.outputs : [say(`timer ${input.name}`)];
      },
    },
    clock,
    random: { u32: () => 2 ** 31 },
    journal,
    perform: ({ text }) => said.push(text),
    ...more,
  });
  /** Everything that is due now. */
  const settle = (): void => clock.runUntil(clock.nowMs());
  return { clock, journal, said, steps, driver, settle };
}

describe("inputs", () => {
  it("are stepped in order, never from within submit", () => {
    const { driver, said, settle } = setUp();
    driver.submit(ask(say("a"), say("b")));
    driver.submit(ask(say("c")));
    expect(said).toEqual([]);
    expect(driver.waiting).toBe(2);
    settle();
    expect(said).toEqual(["a", "b", "c"]);
    expect(driver.waiting).toBe(0);
  });

  it("may be submitted while performing, and come after those that wait", () => {
    const said: string[] = [];
    const { driver, settle } = setUp({
      perform: ({ text }) => {
        said.push(text);
        if (text === "a") driver.submit(ask(say("from a")));
      },
    });
    driver.submit(ask(say("a"), say("still a")));
    driver.submit(ask(say("b")));
    settle();
    expect(said).toEqual(["a", "still a", "b", "from a"]);
  });

  it("meet a clock that is read when they are taken, not when they came or when the turn began", () => {
    const clock = new VirtualClock();
    let readMs = 0;
    const { driver, steps } = setUp({
      clock: { nowMs: () => readMs, at: (atMs, fire) => clock.at(atMs, fire) },
      perform: () => {
        readMs += 7;
      },
    });
    driver.submit(ask(say("takes 7 ms")));
    driver.submit(ask());
    readMs = 100;
    clock.runUntil(0);
    expect(steps.map(({ nowMs }) => nowMs)).toEqual([100, 107]);
  });

  it("are refused and counted when too many wait; timers and completions never are", () => {
    const { clock, driver, said, settle } = setUp({ inputsMax: 2 });
    driver.submit(ask(timer("t", 5)));
    settle();
    expect([1, 2, 3, 4].map(() => driver.submit(ask()))).toEqual([true, true, false, false]);
    expect(driver.refused).toBe(2);
    expect(driver.waiting).toBe(2);
    settle();
    expect(driver.submit(ask())).toBe(true);
    driver.submit(ask());
    driver.complete(ask(say("completed")));
    clock.runUntil(5);
    expect(said).toEqual(["completed", "timer t"]);
    expect(driver.refused).toBe(2);
  });

  it("leave room for other work of the process in a long queue, and none is lost or changes places", () => {
    const { clock, driver, journal, steps } = setUp();
    const count = 5_000;
    const inputs = Array.from({ length: count }, () => ask(persist));
    for (const input of inputs) driver.submit(input);
    let stepsBefore = 0;
    while (clock.step()) {
      expect(steps.length - stepsBefore).toBeLessThan(count / 2);
      expect(journal.writtenSeq).toBe(steps.length);
      stepsBefore = steps.length;
    }
    expect(steps.length).toBe(count);
    expect(steps.every(({ input }, at) => input === inputs[at])).toBe(true);
    expect(driver.waiting).toBe(0);
  });
});

describe("durability", () => {
  it("is asked for once per turn, and only when something is not durable", () => {
    const { driver, journal, settle } = setUp();
    driver.submit(ask(say("a")));
    settle();
    expect(journal.flushes).toBe(0);
    for (let count = 0; count < 10; count++) driver.submit(ask(persist, persist));
    settle();
    expect(journal.writtenSeq).toBe(20);
    expect(journal.flushes).toBe(1);
    journal.becomeDurable(20);
    driver.submit(ask(say("b")));
    settle();
    expect(journal.flushes).toBe(1);
  });

  it("holds what must follow it, and nothing else", () => {
    const { driver, journal, said, settle } = setUp();
    driver.submit(ask(persist, sayDurably("promise"), say("at once")));
    driver.submit(ask(persist, sayDurably("accepted")));
    driver.submit(ask(sayDurably("no record of its own")));
    settle();
    expect(said).toEqual(["at once"]);
    journal.becomeDurable(1);
    expect(said).toEqual(["at once", "promise"]);
    journal.becomeDurable(2);
    expect(said).toEqual(["at once", "promise", "accepted", "no record of its own"]);
  });

  it("lets nothing overtake what is held, even while the news of durability is under way", () => {
    const { driver, journal, said, settle } = setUp();
    driver.submit(ask(persist, sayDurably("first")));
    settle();
    journal.durableSeq = 1;
    driver.submit(ask(sayDurably("second")));
    settle();
    expect(said).toEqual([]);
    journal.becomeDurable(1);
    expect(said).toEqual(["first", "second"]);
  });

  it("releases many at once in their order", () => {
    const { driver, journal, said, settle } = setUp();
    for (const text of ["a", "b", "c"]) driver.submit(ask(persist, sayDurably(text)));
    settle();
    journal.becomeDurable(3);
    expect(said).toEqual(["a", "b", "c"]);
  });

  it("holds nothing back when all is durable already", () => {
    const { driver, said, settle } = setUp();
    driver.submit(ask(sayDurably("a")));
    settle();
    expect(said).toEqual(["a"]);
  });

  it("is a bug to ask for without a journal", () => {
    const clock = new VirtualClock();
    const driver = new Driver<Ask, Say>({
      core: { step: () => [persist] },
      clock,
      random: { u32: () => 0 },
      perform: () => {},
    });
    driver.submit(ask());
    expect(() => clock.runUntil(0)).toThrow(AssertionError);
  });
});

describe("timers", () => {
  it("come in as inputs at their time", () => {
    const { clock, driver, steps, settle } = setUp();
    driver.submit(ask(timer("a", 30), timer("b", 20)));
    settle();
    clock.runUntil(100);
    expect(steps.slice(1)).toEqual([
      { input: { kind: "timer", name: "b", random: 0.5 }, nowMs: 20 },
      { input: { kind: "timer", name: "a", random: 0.5 }, nowMs: 30 },
    ]);
  });

  it("are replaced by a later one of their name, and cancelled by none", () => {
    const { clock, driver, steps, settle } = setUp();
    driver.submit(ask(timer("a", 10), timer("b", 10), timer("a", 50), timer("b", undefined)));
    settle();
    clock.runUntil(40);
    expect(steps).toHaveLength(1);
    clock.runUntil(50);
    expect(steps.slice(1)).toEqual([{ input: { kind: "timer", name: "a", random: 0.5 }, nowMs: 50 }]);
    expect(clock.nextAtMs).toBeUndefined();
  });
});

describe("stop", () => {
  it("leaves the journal alone: it may be closed by now", () => {
    const { driver, journal, settle } = setUp();
    journal.writtenSeq = 1;
    driver.submit(ask());
    driver.stop();
    settle();
    expect(journal.flushes).toBe(0);
  });

  it("forgets inputs, timers and held outputs, and refuses what comes after", () => {
    const { clock, driver, journal, said, steps, settle } = setUp();
    driver.submit(ask(persist, sayDurably("held"), timer("t", 10)));
    settle();
    driver.submit(ask(say("waiting")));
    driver.stop();
    driver.complete(ask(say("completed")));
    expect(driver.submit(ask())).toBe(false);
    expect(driver.refused).toBe(1);
    expect(driver.waiting).toBe(0);
    journal.becomeDurable(1);
    clock.runUntil(100);
    expect(said).toEqual([]);
    expect(steps).toHaveLength(1);
  });

  it("ends a turn in the middle, and a release too", () => {
    const said: string[] = [];
    const { driver, journal, steps, settle } = setUp({
      perform: ({ text }) => {
        said.push(text);
        if (text === "stop") driver.stop();
      },
    });
    driver.submit(ask(persist, sayDurably("stop"), sayDurably("after")));
    settle();
    journal.becomeDurable(1);
    expect(said).toEqual(["stop"]);

    const other = setUp({ perform: () => other.driver.stop() });
    other.driver.submit(ask(say("x"), say("y"), timer("t", 10)));
    other.driver.submit(ask(say("z")));
    other.clock.runUntil(100);
    expect(other.steps).toHaveLength(1);
    expect(steps).toHaveLength(1);
  });
});
