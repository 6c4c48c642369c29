import { VirtualClock } from "@halon/runtime";
import { type Instance, type ProcessPorts, type SimulatedProcess, SimulationFailure, World } from "@halon/simulation";
import { describe, expect, it } from "vitest";
import { Life } from "../src/life.ts";
import { MachineClock } from "../src/machine-clock.ts";
import { ProcessClock } from "../src/process-clock.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (payload: Uint8Array | undefined): string | undefined => payload && Buffer.from(payload).toString();

/** Writes down, outside of the simulation, what it hears and when. */
class Listener implements Instance {
  readonly ports: ProcessPorts;
  readonly heard: string[];
  isStopped = false;

  constructor(ports: ProcessPorts, heard: string[]) {
    this.ports = ports;
    this.heard = heard;
    ports.transport.subscribe("news", {}, ({ payload, respond }) => {
      heard.push(`${text(payload)}`);
      respond?.(bytes("heard"));
    });
    ports.transport.onConnection((connected) => heard.push(connected ? "connected" : "lost"));
  }

  stop(): void {
    this.isStopped = true;
  }
}

interface Bench {
  readonly world: World;
  readonly heard: string[];
  readonly listener: SimulatedProcess<Listener>;
  readonly speaker: SimulatedProcess<Listener>;
  say(what: string): void;
}

function bench(seed = 1): Bench {
  const world = new World({ seed, replay: "run it again" });
  const heard: string[] = [];
  const listener = world.spawn("m1", "listener", (ports) => new Listener(ports, heard));
  const speaker = world.spawn("m2", "speaker", (ports) => new Listener(ports, []));
  const say = (what: string): void => portsOf(speaker).transport.publish("news", bytes(what));
  return { world, heard, listener, speaker, say };
}

function portsOf({ instance, id }: SimulatedProcess<Listener>): ProcessPorts {
  if (instance === undefined) throw new Error(`${id} is down`);
  return instance.ports;
}

describe("processes", () => {
  it("a killed one hears nothing more, and its next life has what was durable", () => {
    const { world, heard, listener, say } = bench();
    const { openJournal, clock } = portsOf(listener);
    const journal = openJournal("log", "me");
    journal.append(bytes("durable"));
    journal.flush();
    clock.at(clock.nowMs() + 50, () => heard.push("alarm"));
    world.runFor(20);
    journal.append(bytes("never flushed"));
    say("one");
    world.runFor(5);
    say("two");
    listener.kill();
    world.runFor(100);
    expect([heard, listener.state, listener.instance]).toEqual([["one"], "down", undefined]);
    listener.start();
    say("three");
    world.runFor(5);
    expect(heard).toEqual(["one", "three"]);
    expect(
      portsOf(listener)
        .openJournal("log", "me")
        .read(1, 1e6)
        .map((each) => text(each.bytes)),
    ).toEqual(["durable"]);
    expect(listener.lives).toBe(2);
  });

  it("an orderly end keeps what was written, and is told", () => {
    const { listener } = bench();
    const { instance } = listener;
    portsOf(listener).openJournal("log", "me").append(bytes("written"));
    portsOf(listener).files.write("f", bytes("written"));
    listener.stop();
    expect(instance?.isStopped).toBe(true);
    listener.start();
    expect(portsOf(listener).openJournal("log", "me").writtenSeq).toBe(1);
    expect(text(portsOf(listener).files.read("f"))).toBe("written");
  });

  it("a paused one hears everything late and in order, and its clock has gone on", () => {
    const { world, heard, listener, say } = bench();
    const { clock } = portsOf(listener);
    const startMs = clock.nowMs();
    clock.at(startMs + 10, () => heard.push("alarm"));
    const cancel = clock.at(startMs + 11, () => heard.push("cancelled"));
    listener.pause();
    world.runFor(5);
    say("before");
    world.runFor(20);
    say("after");
    world.runFor(20);
    expect(heard).toEqual([]);
    cancel();
    listener.resume();
    world.runFor(0);
    expect(heard).toEqual(["before", "alarm", "after"]);
    expect(clock.nowMs() - startMs).toBeCloseTo(45);
  });

  it("a request to a paused one times out, and its late answer is nothing", () => {
    const { world, heard, listener, speaker } = bench();
    const outcomes: string[] = [];
    speaker.stop();
    listener.pause();
    world.spawn("m3", "asker", ({ transport }) => {
      transport.request("news", bytes("?"), 100, ({ kind }) => outcomes.push(kind));
      return { stop: () => undefined };
    });
    world.runFor(200);
    listener.resume();
    world.runFor(200);
    expect([outcomes, heard]).toEqual([["timeout"], ["?"]]);
  });

  it("what comes in at the moment of resuming queues behind what was held", () => {
    const { world, heard, listener, say } = bench();
    world.network.setWeather({ loss: 0, duplication: 0, delayMsMin: 0, delayMsMax: 0 });
    listener.pause();
    say("held");
    world.runFor(1);
    say("late");
    world.step();
    listener.resume();
    world.runFor(0);
    expect(heard).toEqual(["held", "late"]);
  });

  it("killed while paused, it hears nothing of what was held", () => {
    const { world, heard, listener, say } = bench();
    listener.pause();
    say("held");
    world.runFor(10);
    listener.restart();
    world.runFor(10);
    expect([heard, listener.state]).toEqual([[], "running"]);
  });

  it("exits by itself, and who watches it is told", () => {
    const { world, listener } = bench();
    let exits = 0;
    listener.onExit(() => exits++);
    portsOf(listener).exit("done");
    expect(listener.state).toBe("running");
    world.runFor(0);
    expect([listener.state, exits]).toEqual(["down", 1]);
    expect(world.trace.lines.at(-1)?.what).toBe("exits: done");
  });

  it("that exits by itself is started again if it is supervised, that is killed is not, nor while its machine is down", () => {
    const { world, listener } = bench();
    listener.supervise(100);
    portsOf(listener).exit("done");
    world.runFor(99);
    expect(listener.state).toBe("down");
    world.runFor(2);
    expect([listener.state, listener.lives]).toEqual(["running", 2]);
    listener.kill();
    world.runFor(1_000);
    expect(listener.state).toBe("down");
    listener.start();
    portsOf(listener).exit("done");
    world.runFor(50);
    expect(world.killMachine("m1")).toEqual([listener]);
    world.runFor(1_000);
    expect(listener.state).toBe("down");
  });

  it("of a suspended machine see the clock jump", () => {
    const { world, heard, listener, speaker, say } = bench();
    const { clock } = portsOf(listener);
    const atMs = clock.nowMs();
    clock.at(atMs + 10, () => heard.push(`alarm ${(clock.nowMs() - atMs).toFixed()}`));
    const resume = world.suspend("m1");
    say("before");
    world.runFor(5_000);
    expect([heard, speaker.state]).toEqual([[], "running"]);
    resume();
    world.runFor(0);
    expect(heard).toEqual(["before", "alarm 5000"]);
  });

  it("a full disk fails the journal, and with room again all that was durable is there", () => {
    const { world, listener } = bench();
    const journal = portsOf(listener).openJournal("log", "me");
    const failures: string[] = [];
    journal.onFailure(({ code }) => failures.push(code));
    journal.append(bytes("durable"));
    journal.flush();
    world.runFor(20);
    listener.machine.isDiskFull = true;
    journal.flush();
    journal.append(bytes("lost"));
    journal.flush();
    journal.flush();
    expect(failures).toEqual([]);
    world.runFor(20);
    expect([failures, journal.durableSeq]).toEqual([["io"], 1]);
    expect(() => journal.append(bytes("more"))).toThrow(/takes nothing more/);
    listener.stop();
    listener.machine.isDiskFull = false;
    listener.start();
    const again = portsOf(listener).openJournal("log", "me");
    expect(again.read(1, 1e6).map((each) => text(each.bytes))).toEqual(["durable"]);
  });

  it("files survive a crash as a prefix of what was written", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { world, listener } = bench(seed);
      const { files } = portsOf(listener);
      let durable = 0;
      files.write("a", bytes("1"), () => durable++);
      world.runFor(50);
      expect(durable).toBe(1);
      files.write("a", bytes("2"));
      files.write("b", bytes("3"));
      files.remove("a");
      expect([text(files.read("a")), files.names()]).toEqual([undefined, ["b"]]);
      listener.restart();
      const after = portsOf(listener).files;
      const state = `${text(after.read("a"))} ${text(after.read("b"))}`;
      expect(["1 undefined", "2 undefined", "2 3", "undefined 3"]).toContain(state);
    }
  });
});

describe("files", () => {
  it("become durable in the order in which they were written, however long each takes", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, listener } = bench(seed);
      for (let at = 1; at <= 20; at++) portsOf(listener).files.write("a", bytes(`${at}`));
      world.runFor(100);
      listener.restart();
      expect(text(portsOf(listener).files.read("a"))).toBe("20");
    }
  });
});

describe("clocks", () => {
  it("go at the rate of their machine, from an origin of their own, and are never early", () => {
    const world = new World({ seed: 3, replay: "" });
    world.machine("fast", { clockRate: 1.05 });
    world.machine("slow", { clockRate: 0.95 });
    const late: number[] = [];
    for (const name of ["fast", "slow"])
      world.spawn(name, "p", ({ clock }) => {
        const startMs = clock.nowMs();
        for (let at = 1; at <= 5_000; at++) {
          const dueMs = startMs + at * 0.217;
          clock.at(dueMs, () => late.push(clock.nowMs() - dueMs));
        }
        clock.at(startMs + 1_050, () => world.note(`${name} 1050`));
        return { stop: () => undefined };
      });
    world.runFor(2_000);
    expect(late.length).toBe(10_000);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...late)).toBeLessThan(0.001);
    const at = (what: string): number => world.trace.lines.find((line) => line.what === what)?.atMs ?? 0;
    expect(at("fast 1050")).toBeCloseTo(1_000, 3);
    expect(at("slow 1050")).toBeCloseTo(1_050 / 0.95, 3);
  });
});

describe("MachineClock", () => {
  it("changes its rate without a jump, and alarms that wait come when they are due by it", () => {
    const world = new VirtualClock();
    const clock = new MachineClock(world, 1, 500);
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name} ${clock.nowMs().toFixed(3)} ${world.nowMs().toFixed(3)}`);
    clock.at(600, note("slower"));
    const cancel = clock.at(650, note("cancelled"));
    world.runUntil(50);
    clock.setRate(0.5);
    expect(clock.nowMs()).toBe(550);
    clock.at(700, note("faster"));
    world.runUntil(200);
    cancel();
    clock.setRate(2);
    world.runUntil(1_000);
    expect(fired).toEqual(["slower 600.000 150.000", "faster 700.000 237.500"]);
  });
});

describe("ProcessClock", () => {
  it("is never early, whatever rounding does", () => {
    const world = new VirtualClock();
    const clock = new ProcessClock(new MachineClock(world, 1.05, 0), new Life());
    let earliest = Number.POSITIVE_INFINITY;
    for (let dueMs = 0.1; dueMs < 1_000; dueMs += 0.217) {
      const mine = dueMs;
      clock.at(mine, () => {
        earliest = Math.min(earliest, clock.nowMs() - mine);
      });
    }
    world.runUntil(2_000);
    expect(earliest).toBeGreaterThanOrEqual(0);
  });
});

describe("the network", () => {
  it("cuts one way or both, and two cuts of a link end apart", () => {
    const { world, heard, say } = bench();
    const { network } = world;
    const first = network.cut("m2", "m1");
    const second = network.partition(["m1"], ["m2"]);
    say("cut");
    world.runFor(10);
    first();
    first();
    say("still cut");
    world.runFor(10);
    expect(network.isCut("m1", "m2")).toBe(true);
    second();
    say("healed");
    world.runFor(10);
    const backwards = network.cut("m1", "m2");
    say("one way");
    world.runFor(10);
    expect(heard).toEqual(["healed", "one way"]);
    backwards();
  });

  it("loses, repeats and delays as the weather says, the latest of them", () => {
    const { world, heard, say } = bench();
    const storm = { loss: 1, duplication: 0, delayMsMin: 0, delayMsMax: 1 };
    const end = world.network.setWeather(storm);
    say("lost");
    const link = { from: "m2", to: "m1" };
    const endTwice = world.network.setWeather(
      { ...storm, loss: 0, duplication: 1, delayMsMin: 50, delayMsMax: 60 },
      link,
    );
    say("twice");
    world.runFor(49);
    expect(heard).toEqual([]);
    world.runFor(20);
    expect(heard).toEqual(["twice", "twice"]);
    endTwice();
    say("lost");
    end();
    say("once");
    world.runFor(70);
    expect(heard).toEqual(["twice", "twice", "once"]);
  });

  it("several weathers hold together as far as they do not speak of the same", () => {
    const { world, heard, say } = bench();
    const ends = [{ duplication: 1 }, { delayMsMin: 50, delayMsMax: 60 }].map((each) => world.network.setWeather(each));
    say("late and twice");
    world.runFor(49);
    expect(heard).toEqual([]);
    world.runFor(20);
    expect(heard.length).toBe(2);
    for (const end of ends) end();
    say("once");
    world.runFor(2);
    expect(heard.length).toBe(3);
  });

  it("a machine without the broker knows it, processes started meanwhile too", () => {
    const { world, heard, listener, say } = bench();
    const connect = world.disconnect("m1");
    world.runFor(1);
    say("unheard");
    listener.restart();
    expect(portsOf(listener).transport.connected).toBe(false);
    world.runFor(1);
    connect();
    world.runFor(1);
    say("heard");
    world.runFor(5);
    expect(heard).toEqual(["lost", "connected", "heard"]);
    world.stopBroker();
    world.runFor(1);
    world.startBroker();
    world.runFor(1);
    expect(heard.slice(3)).toEqual(["lost", "connected"]);
  });

  it("a power cut takes all processes of a machine", () => {
    const { world, listener, speaker } = bench();
    expect(world.killMachine("m1")).toEqual([listener]);
    expect([listener.state, speaker.state]).toEqual(["down", "running"]);
  });
});

describe("invariants", () => {
  const failureOf = (act: () => void): SimulationFailure => {
    try {
      act();
    } catch (error) {
      if (error instanceof SimulationFailure) return error;
      throw error;
    }
    throw new Error("nothing was thrown");
  };

  it("are checked after each step; a broken one tells all that is needed to repeat the run", () => {
    const { world, heard, say } = bench(77);
    world.addInvariant({
      name: "silence",
      citation: "the test",
      check: () => (heard.length > 0 ? `heard ${heard.join()}` : undefined),
    });
    say("psst");
    const failure = failureOf(() => world.runFor(1_000));
    expect([failure.seed, failure.broken]).toEqual([77, "silence"]);
    expect(failure.atMs).toBeLessThan(1);
    expect(failure.message).toContain("heard psst (the test)");
    expect(failure.message).toContain("m2/speaker starts");
    expect(failure.message.split("\n").at(-1)).toBe("to repeat it: run it again");
  });

  it("for the end are checked only there", () => {
    const { world } = bench();
    world.addInvariant({ name: "never", citation: "the test", when: "end", check: () => "wrong" });
    world.runFor(10);
    expect(failureOf(() => world.finish()).broken).toBe("never");
  });

  it("what a program throws fails the run, with its cause", () => {
    const { world, listener } = bench();
    const { clock } = portsOf(listener);
    const cause = new Error("bug");
    clock.at(clock.nowMs() + 5, () => {
      throw cause;
    });
    const failure = failureOf(() => world.runFor(10));
    expect([failure.broken, failure.cause]).toEqual(["crash", cause]);
  });

  it("what never comes to pass fails at its deadline", () => {
    const { world } = bench();
    const failure = failureOf(() => world.until(() => false, 500, "pigs fly"));
    expect(failure.broken).toBe("liveness");
    expect(failure.message).toContain("not within 500 virtual ms: pigs fly");
  });
});
