import { EqTracker, REFRESH_MS } from "@halon/eq-tracker";
import { type Body, type Directory, decodeStateCommand, encodeStateResult, Post, subjectsOf } from "@halon/proto";
import { decodeSubmit, encodeReply, type Outcome } from "@halon/replicated-log";
import { type Random, VirtualClock } from "@halon/runtime";
import { MemoryBus } from "@halon/transport-memory";
import { describe, expect, it } from "vitest";
import { createStationReplicator, Producer } from "../src/index.ts";

const subjects = subjectsOf("c");

function sequence(): Random {
  let state = 7;
  return { u32: () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) };
}

/** What a station makes of a command: everybody is registered, every event is stored. */
function resultOf(payload: Uint8Array): Outcome {
  const command = decodeStateCommand(payload);
  const result =
    command.kind === "registerProducer"
      ? encodeStateResult({ kind: "register", value: { registered: true } })
      : encodeStateResult({ kind: "enqueue", value: { outcomes: [{ kind: "stored", position: 1, message: "" }] } });
  return { kind: "result", result };
}

/** Stations that all take what they are asked, transponders, and who asks them. */
class Reach {
  readonly clock = new VirtualClock();
  readonly random = sequence();
  readonly bus = new MemoryBus({ clock: this.clock, random: this.random });
  /** What the stations tell. */
  directory: Directory = { stations: ["a", "b", "c"], leader: "", transponders: [], monitors: [] };
  /** Who was asked to store something, in order. */
  readonly asked: string[] = [];
  #users = 0;

  constructor() {
    for (const node of ["a", "b", "c", "d"]) this.#station(node);
  }

  #open(sender: string): Post {
    return new Post(this.bus.open(sender), this.random, { cluster: "c", sender });
  }

  #station(node: string): void {
    const post = this.#open(`${node}.station-replica`);
    post.subscribe(subjects.stationSubmit(node), "submit", ({ value, respond }) => {
      this.asked.push(node);
      const outcomes = decodeSubmit(value.bytes).map(({ payload }) => resultOf(payload));
      respond?.({ kind: "submitReply", value: { bytes: encodeReply(outcomes) } });
    });
    const tell = (): Body => ({ kind: "directory", value: this.directory });
    post.subscribe(subjects.directory, "directoryRequest", ({ respond }) => respond?.(tell()), "stations");
  }

  transponder(node: string): void {
    const post = this.#open(`${node}.transponder`);
    const take = (events: number): Body => {
      this.asked.push(node);
      return { kind: "reportAck", value: { outcomes: Array(events).fill({ kind: "stored", message: "" }) } };
    };
    for (const subject of [subjects.report, subjects.transponderReport(node)])
      post.subscribe(subject, "report", ({ value, respond }) => respond?.(take(value.events.length)));
  }

  /** A process that can bring events to the queue. It is registered, and knows what the stations tell. */
  user(): { submit(mergeKey?: string): readonly string[] } {
    const name = `user-${++this.#users}.node-agent`;
    const ports = { clock: this.clock, random: this.random, post: this.#open(name) };
    const tracker = new EqTracker(ports);
    const replicator = createStationReplicator({ ...ports, tracker });
    const producer = new Producer(name, { ...ports, replicator, tracker });
    this.runFor(1_000);
    return {
      submit: (mergeKey) => {
        this.asked.length = 0;
        let outcome = "none";
        producer.promulgate("test", new Uint8Array(1), mergeKey === undefined ? {} : { mergeKey }, ({ kind }) => {
          outcome = kind;
        });
        this.runFor(3_000);
        expect(outcome).toBe("stored");
        return [...this.asked];
      },
    };
  }

  become(next: Partial<Directory>): void {
    this.directory = { ...this.directory, ...next };
    this.runFor(2 * REFRESH_MS);
  }

  runFor(spanMs: number): void {
    this.clock.runUntil(this.clock.nowMs() + spanMs);
  }
}

describe("events find their way", () => {
  it("to the leader, whoever it is", () => {
    const reach = new Reach();
    const user = reach.user();
    for (const leader of ["b", "c", "a"]) {
      reach.become({ leader });
      expect(user.submit()).toEqual([leader]);
    }
  });

  it("to stations that were added, and to none that was removed", () => {
    const reach = new Reach();
    reach.become({ leader: "a" });
    const user = reach.user();
    expect(user.submit()).toEqual(["a"]);
    reach.become({ stations: ["a", "b", "c", "d"], leader: "d" });
    expect(user.submit()).toEqual(["d"]);
    reach.become({ stations: ["a", "b"], leader: "" });
    expect(user.submit()).toEqual([expect.stringMatching(/^[ab]$/)]);
    reach.become({ stations: ["c"] });
    expect(user.submit()).toEqual(["c"]);
  });

  it("to all stations when nobody leads, each process to one of them", () => {
    const reach = new Reach();
    const users = Array.from({ length: 12 }, () => reach.user());
    const ways = users.map((user) => user.submit());
    expect(ways.every(({ length }) => length === 1)).toBe(true);
    expect(new Set(ways.flat())).toEqual(new Set(["a", "b", "c"]));
    for (const [at, user] of users.entries()) expect(user.submit()).toEqual(ways[at]);
  });

  it("through a transponder while one answers, straight to the stations when none does, and back", () => {
    const reach = new Reach();
    reach.become({ leader: "b" });
    const user = reach.user();
    expect(user.submit("k")).toEqual(["b"]);
    reach.transponder("t1");
    reach.become({ transponders: ["t1"] });
    expect(user.submit("k")).toEqual(["t1"]);
    // It is still named, but does not answer.
    reach.bus.kill("t1.transponder");
    expect(user.submit("k")).toEqual(["b"]);
    reach.become({ transponders: [] });
    expect(user.submit("k")).toEqual(["b"]);
    reach.transponder("t2");
    reach.become({ transponders: ["t1", "t2"] });
    expect(user.submit()).toEqual(["t2"]);
    reach.become({ transponders: ["t2"] });
    expect(user.submit("k")).toEqual(["t2"]);
  });
});
