import { type ConsensusOutput, createMembership, type MemberId } from "@halon/consensus";
import { bytesOf, type Cluster } from "@halon/consensus/conformance";
import { PAXOS_DEFAULTS, Paxos } from "@halon/paxos";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../src/codec.ts";
import { DecreeTable } from "../src/decree-table.ts";
import { FAST, paxosCluster } from "./cluster.ts";
import { encoded, lineOf, Transcript } from "./transcript.ts";

const FIVE = ["a", "b", "c", "d", "e"];
const paxos = (self: MemberId, members: readonly MemberId[], alpha = 4): Paxos =>
  new Paxos({ group: "g", self, membership: createMembership(members), alpha });

/** The defaults of the product, in a cluster. */
const production = (size: number, seed: number): Cluster => paxosCluster({ size, seed, config: PAXOS_DEFAULTS });

function leaderOf(cluster: Cluster): MemberId {
  cluster.until(() => cluster.leader !== undefined, 5_000, "somebody leads");
  return cluster.leader as MemberId;
}

const standNow = (cluster: Cluster, id: MemberId): void =>
  cluster.input(id, { kind: "timer", name: "election", random: 0 });

describe("decisions", () => {
  it("P1 one acceptor decides a single decree, and several independently", () => {
    const cluster = production(1, 1);
    cluster.decide("x", 1_000);
    expect(cluster.ledger.value(1)).toBe("x");
    expect([cluster.propose("y"), cluster.propose("z")]).toEqual([true, true]);
    cluster.until(() => cluster.ledger.has("z"), 1_000, "both decided");
    expect([cluster.ledger.value(2), cluster.ledger.value(3)]).toEqual(["y", "z"]);
  });

  it("P1 proposing a decided decree again returns the decided value, whatever was proposed", () => {
    const cluster = production(3, 1);
    standNow(cluster, "a");
    cluster.until(() => cluster.leader === "a", 1_000, "a leads");
    cluster.cut("a", "c");
    cluster.decide("first", 1_000);
    cluster.kill("a");
    // `c` has never heard of decree 1 and would like it to be something else.
    expect(cluster.delivered("c")).toBe(0);
    cluster.heal();
    standNow(cluster, "c");
    cluster.until(() => cluster.leader === "c", 5_000, "c leads");
    cluster.decide("other", 1_000);
    expect(cluster.ledger.value(1)).toBe("first");
    expect(cluster.delivered("c")).toBeGreaterThan(1);
  });

  it("P3 five that stand at the same time, again and again: one of them leads, and something is decided", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const cluster = paxosCluster({ size: 5, seed });
      cluster.faults = { loss: 0.2, duplication: 0.3, delayMsMax: 40, flushMsMax: 5 };
      for (let round = 0; round < 15; round++) {
        for (const id of cluster.members) standNow(cluster, id);
        for (const id of cluster.members) cluster.input(id, { kind: "propose", value: bytesOf(`${round} by ${id}`) });
        cluster.runFor(20);
      }
      for (const id of cluster.members) standNow(cluster, id);
      cluster.faults = { loss: 0, duplication: 0, delayMsMax: 1, flushMsMax: 1 };
      cluster.decide("at last", 1_500);
    }
  });

  it("P6 duplicated answers from one acceptor never make a quorum", () => {
    const a = new Transcript(paxos("a", FIVE));
    a.start();
    const repeated = (line: string): string => `${line}\n`.repeat(10);
    a.run(`timer election\n${repeated("b: prepareOk ballot=1.a chosen=0 entries=[] more=false")}`);
    a.run("a: prepareOk ballot=1.a chosen=0 entries=[] more=false");
    expect(a.core.status.role).toBe("candidate");
    a.run("c: prepareOk ballot=1.a chosen=0 entries=[] more=false");
    expect(a.core.status.role).toBe("leader");
    a.run(`propose x\n${repeated("b: acceptOk ballot=1.a number=1")}a: acceptOk ballot=1.a number=1`);
    expect(a.core.status.chosen).toBe(0);
    expect(a.run("c: acceptOk ballot=1.a number=1")).toContain("decided 1 x");
  });

  it("answers of an earlier reign do not count in a later one", () => {
    const a = new Transcript(paxos("a", ["a", "b", "c"]));
    a.start();
    a.run(`timer election
           a: prepareOk ballot=1.a chosen=0 entries=[] more=false
           b: prepareOk ballot=1.a chosen=0 entries=[] more=false
           propose x
           c: acceptRefused promised=2.c
           wait 1000
           timer election
           a: prepareOk ballot=3.a chosen=0 entries=[1:1.a:x] more=false
           b: prepareOk ballot=1.a chosen=0 entries=[] more=false`);
    expect(a.core.status.role).toBe("candidate");
    a.run(`c: prepareOk ballot=3.a chosen=0 entries=[1:2.c:y] more=false
           a: acceptOk ballot=1.a number=1
           b: acceptOk ballot=1.a number=1
           c: acceptOk ballot=1.a number=1`);
    expect(a.core.status.chosen).toBe(0);
    expect(
      a.run(`a: acceptOk ballot=3.a number=1
             b: acceptOk ballot=3.a number=1`),
    ).toContain("decided 1 y");
  });
});

describe("restarts", () => {
  it("P4 an acceptor restarted after answering remembers its promise and what it accepted", () => {
    const b = new Transcript(paxos("b", ["a", "b", "c"]));
    b.start();
    b.run(`a: prepare ballot=3.a from=1
           a: accept ballot=3.a number=1 value=x chosen=0
           c: prepare ballot=5.c from=1
           wait 1000
           c: prepare ballot=5.c from=1`);
    const again = new Transcript(paxos("b", ["a", "b", "c"]));
    again.start(b.records);
    expect(again.run("a: accept ballot=3.a number=2 value=y chosen=0")).toContain("acceptRefused promised=5.c");
    expect(again.run("a: prepare ballot=4.a from=1")).toContain("prepareRefused promised=5.c");
    expect(again.run("c: prepare ballot=6.c from=1")).toContain("entries=[1:3.a:x]");
  });

  it("P4 an acceptor restarted before its write was durable never answered", () => {
    const answers: string[] = [];
    const cluster = paxosCluster({
      size: 3,
      seed: 1,
      onSent: (from, _to, bytes) => {
        const { message } = decodeMessage(bytes);
        if (from === "b" && /^(prepare|accept)/.test(message.kind)) answers.push(lineOf(message));
      },
    });
    standNow(cluster, "a");
    cluster.until(() => cluster.disk("a").durable > 0, 100, "a has promised itself");
    cluster.faults = { loss: 0, duplication: 0, delayMsMax: 1, flushMsMax: 1e9 };
    cluster.runFor(10);
    expect(cluster.disk("b").written).toBeGreaterThan(0);
    expect(cluster.disk("b").durable).toBe(0);
    cluster.kill("b");
    expect(answers).toEqual([]);
  });

  it("P4 a ballot is used only when the candidate's own promise of it is durable", () => {
    // Else its next life takes the same ballot again, and answers to the old one count for other values.
    const a = new Transcript(paxos("a", FIVE));
    a.start();
    expect(a.run("timer election")).toContain("when durable, to all: prepare ballot=1.a");
  });

  it("what a journal shows to be chosen is delivered at the start, before anybody is heard", () => {
    const b = new Transcript(paxos("b", ["a", "b", "c"]));
    b.start();
    b.run(`a: accept ballot=1.a number=1 value=x chosen=0
           a: accept ballot=1.a number=2 value=y chosen=1
           a: accept ballot=1.a number=3 value=z chosen=2`);
    const again = new Transcript(paxos("b", ["a", "b", "c"]));
    expect(again.start(b.records)).toContain("decided 1 x");
    expect(again.core.status).toMatchObject({ chosen: 1, knownChosen: 1, role: "follower" });
  });

  it("a member that applied more than its journal holds delivers only what is new to it", () => {
    const b = new Transcript(paxos("b", ["a", "b", "c"]));
    b.start([], 2);
    const told = b.run(`a: heartbeat ballot=1.a chosen=3
                        a: learnReply from=1 values=[x,y,z] chosen=3`);
    expect(told.match(/decided.*/g)).toEqual(["decided 3 z"]);
  });

  it("a leader restarted with a smaller window takes over what an earlier one left open", () => {
    const before = new Transcript(paxos("a", ["a"], 64));
    before.start();
    before.run("a: prepareOk ballot=1.a chosen=0 entries=[] more=false");
    for (let at = 1; at <= 64; at++) before.run(`propose v${at}`);
    const values = Array.from({ length: 64 }, (_, at) => `v${at + 1}`);
    const entries = values.map((value, at) => `${at + 1}:1.a:${value}`).join(",");
    const after = new Transcript(paxos("a", ["a"], 1));
    after.start(before.records);
    const told = after.run(`a: prepareOk ballot=2.a chosen=0 entries=[${entries}] more=false`);
    // It asks its own acceptor for each, and nobody else would answer.
    expect(told.match(/to a: acceptOk/g)).toHaveLength(64);
    for (let at = 1; at <= 64; at++) after.run(`a: acceptOk ballot=2.a number=${at}`);
    expect(after.core.status.chosen).toBe(64);
  });

  it("a group whose members have different windows goes on over changes of leader", () => {
    const cluster = paxosCluster({
      size: 3,
      seed: 3,
      make: (self, membership) => new Paxos({ group: "g", self, membership, ...FAST, alpha: self === "a" ? 64 : 1 }),
    });
    for (let round = 0; round < 10; round++) {
      standNow(cluster, "a");
      cluster.until(() => cluster.leader !== undefined, 2_000, "somebody leads");
      for (let count = 0; count < 64; count++) cluster.propose(`${round}.${count}`);
      cluster.runFor(0.5);
      cluster.restart(leaderOf(cluster));
      cluster.decide(`after ${round}`, 2_000);
    }
  });
});

describe("liveness, with the product's times", () => {
  it("a leader killed under load is replaced, and its successor decides, within 1.5 s", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = production(3 + 2 * (seed % 2), seed);
      cluster.decide("before", 5_000);
      cluster.propose("in flight");
      cluster.kill(leaderOf(cluster));
      cluster.decide("after", 1_500);
    }
  });

  it("all restarted at once: decides within 1.5 s", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = production(5, seed);
      cluster.decide("before", 5_000);
      for (const id of cluster.members) cluster.restart(id);
      cluster.decide("after", 1_500);
    }
  });

  it("a member back from a cut costs one change of leader at most, and decisions go on within 1.5 s", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cluster = production(3, seed);
      const leader = leaderOf(cluster);
      const lone = cluster.members.find((id) => id !== leader) as MemberId;
      cluster.partition(
        cluster.members.filter((id) => id !== lone),
        [lone],
      );
      cluster.decide("during", 1_000);
      cluster.runFor(5_000);
      cluster.heal();
      cluster.runFor(1);
      cluster.decide("after", 1_500);
      cluster.runFor(2_000);
      const settled = leaderOf(cluster);
      cluster.runFor(5_000);
      expect(cluster.leader).toBe(settled);
    }
  });

  it("a healthy leader stays, idle or busy", () => {
    const cluster = production(5, 1);
    cluster.faults = { loss: 0.05, duplication: 0.1, delayMsMax: 20, flushMsMax: 20 };
    const leader = leaderOf(cluster);
    cluster.runFor(500);
    for (let round = 0; round < 50; round++) {
      if (round % 2 === 0) cluster.propose(`${round}`);
      cluster.runFor(200);
      expect(cluster.leader).toBe(leader);
    }
  });
});

describe("large things", () => {
  it("an open suffix of several pages is told page by page, and proposed again whole", () => {
    const now = 1_000;
    const [a, b] = [paxos("a", ["a", "b"], 8), paxos("b", ["a", "b"], 8)];
    for (const core of [a, b]) core.step({ kind: "start", applied: 0, random: 0 }, 0);
    const take = (core: Paxos, from: MemberId, bytes: Uint8Array): readonly ConsensusOutput[] =>
      core.step({ kind: "message", from, bytes }, now);
    // What `b` accepted in an earlier reign of `a`.
    for (let number = 1; number <= 8; number++) {
      const value = bytesOf(String(number).repeat(200 * 1024));
      take(b, "a", encoded({ kind: "accept", ballot: { round: 1, member: "a" }, number, value, chosen: 0 }));
    }
    take(a, "b", encoded({ kind: "prepareRefused", promised: { round: 1, member: "a" } }));
    let pages = 0;
    let said = a.step({ kind: "timer", name: "election", random: 0 }, now);
    while (a.status.role !== "leader" && pages < 20) {
      const answers = said.flatMap((output) => {
        if (output.kind !== "send") return [];
        if (output.to === "a") return take(a, "a", output.bytes);
        return take(b, "a", output.bytes);
      });
      said = answers.flatMap((output) => (output.kind === "send" ? take(a, "b", output.bytes) : []));
      pages++;
    }
    expect(pages).toBe(8);
    expect(a.status).toMatchObject({ role: "leader", inFlight: 8 });
  });

  it("values in memory are bounded, however small they are", () => {
    const table = new DecreeTable(10_000);
    for (let number = 1; number <= 5_000; number++) {
      table.accept(number, { ballot: { round: 1, member: "a" }, value: new Uint8Array(0) }, number);
      table.choose();
    }
    const held = Array.from({ length: 5_000 }, (_, at) => table.cached(at + 1)).filter((value) => value !== undefined);
    expect(held.length).toBeLessThan(1_000);
    expect(table.cached(5_000)).toBeDefined();
  });
});
