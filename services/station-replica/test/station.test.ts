import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator } from "@halon/event-queue";
import { MemoryDisk, openJournalMemory } from "@halon/journal-memory";
import { decodeStateResult, encodeMessage, encodeStateCommand, Post, subjectsOf } from "@halon/proto";
import type { CallOutcome } from "@halon/replicated-log";
import type { LogReplicator } from "@halon/replicator";
import { type Random, VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import { MemoryBus } from "@halon/transport-memory";
import { beforeEach, describe, expect, it } from "vitest";
import { foundingIdentity, type Identity } from "../src/identity.ts";
import { createStation, type Station, type StationOptions } from "../src/service.ts";

const GROUP = { cluster: "c", clusterId: "id" };
const LONG_MS = 30_000;

/** xorshift32: the same run every time. */
function seeded(seed: number): Random {
  let state = seed | 1;
  return {
    u32: () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    },
  };
}

class Stations {
  readonly clock = new VirtualClock(1_000);
  readonly random = seeded(11);
  readonly notices: string[] = [];
  readonly #bus = new MemoryBus({ clock: this.clock, random: this.random });
  readonly #processes = new Map<Station, () => void>();
  readonly replicator: LogReplicator;
  readonly #stranger = this.#bus.open("test.stranger");

  constructor() {
    const ports = { clock: this.clock, random: this.random, post: this.#post("test.client", "test.client") };
    this.replicator = createStationReplicator({ ...ports, tracker: new EqTracker(ports) });
  }

  found(...nodes: readonly string[]): readonly Station[] {
    const stations = nodes.map((node) => this.start(foundingIdentity(GROUP, node, nodes)));
    this.until(() => stations.every(({ leader }) => leader !== undefined), "a leader");
    return stations;
  }

  /** With an empty directory; `process` names it on the bus. */
  start(identity: Identity, options: StationOptions = {}, process = `${identity.name}.station-replica`): Station {
    const { clock, random } = this;
    const journal = openJournalMemory({ disk: new MemoryDisk(), clock, flushMs: 1, mode: "create", identity: "j" });
    const store = openStoreMemory({ disk: new MemoryStoreDisk(), clock, flushMs: 1, identity: "s" });
    const post = this.#post(process, `${identity.name}.station-replica`);
    const onNotice = (notice: string, facts: object): void => {
      this.notices.push(`${identity.name}: ${notice} ${JSON.stringify(facts)}`);
    };
    const onMember = (): void => onNotice("member", {});
    const station = createStation(identity, { clock, random, post, journal, store, onNotice, onMember }, options);
    this.#processes.set(station, () => this.#bus.kill(process));
    return station;
  }

  /** Dies without a word. */
  kill(station: Station): void {
    this.#processes.get(station)?.();
    station.stop();
  }

  until(condition: () => boolean, what: string): void {
    for (const untilMs = this.clock.nowMs() + LONG_MS; !condition(); this.clock.runUntil(this.clock.nowMs() + 10))
      if (this.clock.nowMs() > untilMs)
        throw new Error(`not within ${LONG_MS} ms: ${what}\n${this.notices.join("\n")}`);
  }

  /** Something is decided. */
  decide(): void {
    const lease = { epoch: 0, checkpoint: 0, holder: "x" };
    let outcome: CallOutcome | undefined;
    this.replicator.update(encodeStateCommand({ kind: "grantLease", value: lease }), { idempotent: true }, (each) => {
      outcome = each;
    });
    this.until(() => outcome?.kind === "result", "something is decided");
  }

  /** Whatever anybody may send. */
  publish(subject: string, bytes: Uint8Array): void {
    this.#stranger.publish(subject, bytes);
  }

  #post(process: string, sender: string): Post {
    return new Post(this.#bus.open(process), this.random, { cluster: "c", sender });
  }
}

const joiner = (name: string, incarnation: string): Identity => ({ ...GROUP, name, incarnation, stage: "joining" });
const countersOf = (station: Station): unknown => station.status()["counters"];
const membersOf = (station: Station): unknown => station.status()["members"];

let world: Stations;
let a: Station;
let b: Station;
let c: Station;
beforeEach(() => {
  world = new Stations();
  [a, b, c] = world.found("a", "b", "c") as [Station, Station, Station];
});

describe("a station", () => {
  it("tells nodes who the members and the leader are, and others who votes", () => {
    expect(["a", "b", "c"]).toContain(a.leader);
    expect(membersOf(a)).toEqual(["a.0", "b.0", "c.0"]);
    world.until(() => b.stations().every(({ role }) => role !== ""), "all are heard");
    expect(b.stations().map(({ node, votes }) => [node, votes])).toEqual([
      ["a", true],
      ["b", true],
      ["c", true],
    ]);
    expect(world.notices.filter((notice) => notice.includes("member {}"))).toHaveLength(3);
  });

  it("E7 a message, and a command, of a version that it does not know are refused, counted, and disturb nothing else", () => {
    const header = { cluster: "c", sender: "test.stranger", incarnation: "i", id: "1", traceparent: "" };
    const known = encodeMessage({ header, body: { kind: "submit", value: { bytes: new Uint8Array(0) } } });
    // What stands later counts: the envelope's field 4 says version 99.
    const unknown = Uint8Array.of(...known, 4 << 3, 99);
    for (const node of ["a", "b", "c"]) world.publish(subjectsOf("c").stationSubmit(node), unknown);
    let outcome: CallOutcome | undefined;
    world.replicator.update(Uint8Array.of(0x7a, 1, 0), { idempotent: true }, (each) => {
      outcome = each;
    });
    world.decide();
    const result = outcome?.kind === "result" ? decodeStateResult(outcome.result) : undefined;
    expect(result).toEqual({ kind: "malformed", value: "state command without a body that this version knows" });
    const counted = (station: Station): string =>
      JSON.stringify(Object.entries(countersOf(station) as object).filter(([, count]) => count !== 0));
    world.until(
      () => [a, b, c].every((station) => counted(station).includes('["commandsMalformed",1]')),
      "all have applied it",
    );
    for (const station of [a, b, c]) expect(countersOf(station)).toMatchObject({ undecodable: 1, unexpected: 0 });
  });

  it("L15 that has lost its directory takes the place of its earlier incarnation, when that is silent", () => {
    world.kill(c);
    world.decide();
    const again = world.start(joiner("c", "9f3a01bc"));
    world.until(() => again.standing.kind === "votes", "c votes again");
    expect(membersOf(a)).toEqual(["a.0", "b.0", "c.9f3a01bc"]);
    expect(again.isServing).toBe(true);
    world.kill(b);
    world.decide();
  });

  it("does not take the place of one that is heard, nor without leave", () => {
    // One that follows: what the leader says to all, another process of its node takes for its own.
    const [name = "", other = ""] = ["a", "b", "c"].filter((node) => node !== a.leader);
    const twin = world.start(joiner(name, "9f3a01bc"), {}, "twin");
    world.until(() => world.notices.some((notice) => notice.includes("not admitted")), "the twin is refused");
    expect(twin.standing).toMatchObject({ kind: "joins", instead: `${name}.0` });
    world.kill(twin);
    world.kill([a, b, c].find(({ node }) => node === other) as Station);
    const shy = world.start(joiner(other, "1"), { isRejoining: false });
    world.until(() => shy.standing.why?.includes(`station replace ${other} ${other}`) === true, "it waits for leave");
    const leader = [a, b, c].find(({ node }) => node === a.leader) as Station;
    expect(membersOf(leader)).toEqual(["a.0", "b.0", "c.0"]);
  });

  it("L4 that is not a member, or no longer, learns and says what to do; added it votes", () => {
    const d = world.start(joiner("d", "1"));
    world.until(() => d.standing.why?.endsWith("halonctl station add d") === true, "d waits to be added");
    const done: CallOutcome["kind"][] = [];
    const change = (change: { readonly add?: string; readonly remove?: string }): void => {
      let isDone = false;
      world.replicator.reconfigure(change, ({ kind }) => {
        done.push(kind);
        isDone = true;
      });
      world.until(() => isDone, JSON.stringify(change));
    };
    change({ add: "d.1" });
    world.until(() => d.standing.kind === "votes", "d votes");
    change({ remove: "c.0" });
    world.until(() => c.standing.kind === "learns", "c does not vote any more");
    expect(c.standing.why).toMatch(/^c is not a member of a, b, d: .*halonctl station add c$/);
    expect(done).toEqual(["result", "result"]);
    world.decide();
  });

  it("L15 that runs twice, from one directory, is believed in neither life, and both stop", () => {
    const twin = world.start(foundingIdentity(GROUP, "c", ["a", "b", "c"]), {}, "twin");
    world.until(() => c.standing.kind === "disowned" && twin.standing.kind === "disowned", "both are told");
    expect(c.standing.why).toMatch(/c\.0 runs twice: .*station-replica adopt/);
    world.decide();
  });
});
