import { JournalError } from "@halon/runtime";
import { everyDamage, everyFault, type Model, Storm, simulate, Trace, timeline, World } from "@halon/simulation";
import { describe, expect, it } from "vitest";

/** Machines that greet each other for ever. */
const greeters: Model = {
  name: "greeters",
  build(world) {
    let greetings = 0;
    let calmAt = Number.POSITIVE_INFINITY;
    const processes = ["m1", "m2", "m3"].map((machine) =>
      world.spawn(machine, "greeter", ({ clock, transport, trace }) => {
        transport.subscribe("hello", {}, () => trace(`hears ${++greetings}`));
        const greet = (): void => {
          transport.publish("hello", new Uint8Array(3));
          clock.at(clock.nowMs() + 100, greet);
        };
        greet();
        return { stop: () => undefined };
      }),
    );
    const machines = ["m1", "m2", "m3"];
    world.addInvariant({
      name: "one by one",
      citation: "the test",
      check: () => undefined,
      get checks() {
        return greetings;
      },
    });
    return {
      columns: machines,
      faults: everyFault({ processes, machines }, [...machines, "m4"]),
      faultEveryMs: 300,
      faultLastsMsMax: 2_000,
      safetyMs: 10_000,
      livenessMs: 5_000,
      calm: () => {
        calmAt = greetings;
      },
      isConverged: () => greetings > calmAt + 50 && processes.every(({ state }) => state === "running"),
      lacking: () => `${greetings} greetings`,
      get operations() {
        return greetings;
      },
    };
  },
};

const run = (seed: number) => simulate(greeters, { seed, replay: `seed ${seed}` });

describe("simulate", () => {
  it("is the same run for the same seed, and another for another", () => {
    const hashes = [1, 2, 3, 4, 5].map((seed) => run(seed).hash);
    expect([1, 2, 3, 4, 5].map((seed) => run(seed).hash)).toEqual(hashes);
    expect(new Set(hashes).size).toBe(5);
  });

  it("whatever faults struck, all of them end", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { faults, operations, swarm, checks } = run(seed);
      const struck = Object.values(faults).reduce((sum, count) => sum + count, 0);
      expect(struck).toBeGreaterThan(2);
      for (const kind of Object.keys(faults)) expect(swarm).toContain(`${kind} × `);
      expect(operations).toBeGreaterThan(100);
      expect(checks).toEqual({ "one by one": operations });
    }
  });

  it("each kind of fault strikes in some runs, and is left out of others", () => {
    const kinds = everyFault({ processes: [], machines: [] }).map(({ name }) => name);
    const struck = new Map(kinds.map((name) => [name, 0]));
    for (let seed = 1; seed <= 60; seed++) {
      const world = new World({ seed, replay: "", keepTrace: true });
      const modelRun = greeters.build(world);
      const storm = new Storm(world, { kinds: modelRun.faults, everyMs: 300, lastsMsMax: 2_000 });
      world.runFor(10_000);
      storm.end();
      world.step();
      expect(world.processes.map(({ state }) => state)).toEqual(["running", "running", "running"]);
      expect(world.brokerIsUp && !["m1", "m2", "m3"].some((from) => world.network.isCut(from, "m1"))).toBe(true);
      const lines = world.trace.lines.map(({ what }) => what);
      for (const name of storm.struck.keys()) {
        expect(lines).toContain(`${name} ends`);
        struck.set(name, (struck.get(name) ?? 0) + 1);
      }
    }
    for (const [name, runs] of struck) {
      expect(runs, name).toBeGreaterThan(10);
      expect(runs, name).toBeLessThan(60);
    }
  });
});

describe("damage", () => {
  const codes = (strike: (kind: ReturnType<typeof everyDamage>[number], world: World) => void): readonly string[] =>
    everyDamage(() => []).map((_kind, at) => {
      const world = new World({ seed: 7, replay: "" });
      const opened: string[] = [];
      const process = world.spawn("m1", "writer", ({ openJournal, exit }) => {
        try {
          const journal = openJournal("log", "me");
          journal.onFailure((error) => exit(error.message));
          for (let count = 0; count < 5; count++) journal.append(Uint8Array.of(1, 2, 3));
          journal.flush();
          opened.push("sound");
        } catch (error) {
          opened.push(error instanceof JournalError ? error.code : "thrown");
        }
        return { stop: () => undefined };
      });
      process.supervise(100);
      world.runFor(50);
      let struck = 0;
      const kinds = everyDamage(() => [{ process, journal: "log", onStruck: () => struck++ }]);
      const kind = kinds[at];
      if (kind !== undefined) strike(kind, world);
      return `${kind?.name} ${opened.join(" ")} ${struck}`;
    });

  it("of a journal is found when it is opened, for ever", () => {
    const strikeTwice = (kind: ReturnType<typeof everyDamage>[number], world: World): void => {
      const end = kind.strike(world, world.chance);
      const [process] = world.processes;
      if (kind.name === "fsync-error") process?.restart();
      world.runFor(50);
      end?.();
      world.runFor(500);
      process?.restart();
    };
    expect(codes(strikeTwice)).toEqual([
      "bit-flip sound damaged damaged 1",
      "truncation sound damaged damaged 1",
      "fsync-error sound sound damaged damaged 1",
    ]);
  });
});

describe("Trace", () => {
  it("has another hash for another line, message, time or order", () => {
    const hashOf = (...acts: readonly ((trace: Trace) => void)[]): string => {
      const trace = new Trace();
      for (const act of acts) act(trace);
      return trace.hash;
    };
    const line = (trace: Trace): void => trace.line(1, "m1", "starts");
    const message = (trace: Trace): void => trace.message(1, "m1", "m2", Uint8Array.of(1), 1);
    const others: ((trace: Trace) => void)[] = [
      (trace) => trace.line(2, "m1", "starts"),
      (trace) => trace.line(1, "m2", "starts"),
      (trace) => trace.line(1, "m1", "stops"),
      (trace) => trace.message(2, "m1", "m2", Uint8Array.of(1), 1),
      (trace) => trace.message(1, "m2", "m1", Uint8Array.of(1), 1),
      (trace) => trace.message(1, "m1", "m2", Uint8Array.of(2), 1),
      (trace) => trace.message(1, "m1", "m2", Uint8Array.of(1), 2),
    ];
    const hashes = [hashOf(line), hashOf(message), hashOf(line, message), hashOf(message, line)];
    for (const act of others) hashes.push(hashOf(act));
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashOf(line, message)).toBe(hashOf(line, message));
  });

  it("keeps the recent lines, or all if it is told to", () => {
    const [few, all] = [new Trace(), new Trace(true)];
    for (let at = 1; at <= 1_000; at++) for (const trace of [few, all]) trace.line(at, "m1", `${at}`);
    expect(all.lines.length).toBe(1_000);
    expect(few.count).toBe(1_000);
    expect(few.lines.length).toBeLessThan(200);
    expect(few.lines.at(-1)?.what).toBe("1000");
  });
});

describe("timeline", () => {
  it("has a column per member, and goes across for the world", () => {
    const lines = [
      { atMs: 0, who: "m1/p", what: "starts" },
      { atMs: 1.5, who: "", what: "the broker stops" },
      { atMs: 12.25, who: "m2", what: "a line that is too long for its column" },
    ];
    expect(timeline(lines, ["m1", "m2"], 60).split("\n")).toEqual([
      "          ms │ m1                    │ m2",
      "       0.000 │ starts                │",
      "       1.500 ── the broker stops",
      "      12.250 │                       │ a line that is too",
      "             │                       │ long for its column",
    ]);
  });
});
