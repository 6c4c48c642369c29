import type { ConsensusOutput, MemberId } from "@halon/consensus";
import { bytesOf, type Cluster } from "@halon/consensus/conformance";
import { Paxos } from "@halon/paxos";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../src/codec.ts";
import { DecreeTable } from "../src/decree-table.ts";
import type { PaxosMessage } from "../src/message.ts";
import { FAST, paxosCluster } from "./cluster.ts";
import { leaderOf, production } from "./cluster-runs.ts";
import { lineOf } from "./lines.ts";
import { FIVE, leader, member, reborn } from "./roles.ts";
import { encoded, Transcript } from "./transcript.ts";

const standNow = (cluster: Cluster, id: MemberId): void =>
  cluster.input(id, { kind: "timer", name: "election", random: 0 });

const isEven = (cluster: Cluster): boolean =>
  cluster.alive.every((id) => cluster.delivered(id) >= cluster.ledger.highest);

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
    // By patience: a stands first, then c, and b never.
    const electionMs: Record<MemberId, number> = { a: 60, b: 100_000, c: 200 };
    const make = (self: MemberId): Paxos => new Paxos({ group: "g", self, ...FAST, electionMs: electionMs[self] ?? 0 });
    const cluster = paxosCluster({ size: 3, seed: 1, make });
    expect(leaderOf(cluster)).toBe("a");
    cluster.cut("a", "c");
    cluster.decide("first", 1_000);
    cluster.kill("a");
    // `c` has never heard of decree 1 and would like it to be something else.
    expect(cluster.delivered("c")).toBe(0);
    cluster.heal();
    cluster.until(() => cluster.leader === "c", 5_000, "c leads");
    cluster.decide("other", 1_000);
    expect(cluster.ledger.value(1)).toBe("first");
    expect(cluster.delivered("c")).toBeGreaterThan(1);
  });

  it("P3 five that stand at the same time, again and again: one of them leads, and something is decided", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const cluster = paxosCluster({ size: 5, seed });
      cluster.faults = { loss: 0.2, duplication: 0.3, delayMsMax: 40, flushMsMax: 5 };
      for (let round = 0; round < 10; round++) {
        // Nobody has heard of anybody for so long that all would stand.
        cluster.partition();
        cluster.runFor(150);
        cluster.heal();
        for (const id of cluster.members) standNow(cluster, id);
        for (let at = 0; at < 10; at++) {
          cluster.runFor(10);
          for (const id of cluster.members)
            cluster.input(id, { kind: "propose", value: bytesOf(`${round}.${at} by ${id}`) });
        }
      }
      cluster.partition();
      cluster.runFor(150);
      for (const id of cluster.members) standNow(cluster, id);
      cluster.heal();
      cluster.faults = { loss: 0, duplication: 0, delayMsMax: 1, flushMsMax: 1 };
      cluster.decide("at last", 1_500);
      cluster.until(() => isEven(cluster), 1_500, "all agree");
    }
  });

  it("P5 every decided decree that one member knows of becomes known to all, whatever range each has", () => {
    for (let seed = 1; seed <= 10; seed++) {
      let asked = 0;
      const cluster = paxosCluster({
        size: 5,
        seed,
        onSent: (_from, _to, bytes) => {
          if (decodeMessage(bytes).message.kind === "learnRequest") asked++;
        },
      });
      // Each in turn misses some: ranges that overlap, contain each other and interleave.
      for (const [round, out] of ["a", "b", "c", "d", "e", "b"].entries()) {
        cluster.kill(out);
        for (let count = 1; count <= 5 + 7 * (round % 3); count++) cluster.decide(`${round}.${count}`, 2_000);
        if (round === 3) cluster.trim("c");
        cluster.restart(out);
        cluster.runFor(cluster.chance.below(20));
      }
      const newest = cluster.members.find((id) => cluster.delivered(id) === cluster.ledger.highest) as MemberId;
      // The one that knows most has never talked to two of them since.
      cluster.partition(FIVE.filter((id) => id !== newest));
      cluster.runFor(500);
      cluster.heal();
      cluster.until(() => isEven(cluster), 5_000, "all know all");
      // Nothing to do terminates.
      asked = 0;
      cluster.runFor(5_000);
      expect(asked).toBe(0);
    }
  });

  it("P6 duplicated answers from one acceptor never make a quorum", () => {
    const a = member("a", FIVE);
    const repeated = (line: string): string => `${line}\n`.repeat(10);
    a.run(`wait 600\ntimer election\n${repeated("b: probeOk")}`);
    expect(a.run("c: probeOk")).toContain("to all: prepare ballot=1.a");
    a.run(`${repeated("b: prepareOk ballot=1.a")}a: prepareOk ballot=1.a`);
    expect(a.core.status.role).toBe("candidate");
    a.run("c: prepareOk ballot=1.a");
    expect(a.core.status.role).toBe("leader");
    a.run(`propose x\n${repeated("b: acceptOk ballot=1.a number=1")}a: acceptOk ballot=1.a number=1`);
    expect(a.core.status.chosen).toBe(0);
    expect(a.run("c: acceptOk ballot=1.a number=1")).toContain("decided 1 x");
    // Nor do they confirm a read.
    expect(a.run(`confirm 1\n${repeated("b: heartbeatOk ballot=1.a round=1")}`)).not.toContain("confirmed");
    a.run("c: heartbeatOk ballot=1.a round=1");
    expect(a.run(repeated("b: heartbeatOk ballot=1.a round=2"))).not.toContain("confirmed");
    expect(a.run("c: heartbeatOk ballot=1.a round=2")).toContain("confirmed #1 up to 1");
  });

  it("answers of an earlier reign do not count in a later one", () => {
    const a = leader();
    a.run(`propose x
           c: refused promised=2.c
           wait 1000
           timer election
           b: probeOk
           a: prepareOk ballot=3.a entries=[1:1.a:x]
           b: prepareOk ballot=1.a`);
    expect(a.core.status.role).toBe("candidate");
    a.run(`c: prepareOk ballot=3.a entries=[1:2.c:y]
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
    const b = member("b");
    b.run(`a: prepare ballot=3.a from=1
           a: accept ballot=3.a number=1 value=x
           c: prepare ballot=5.c from=1`);
    const again = reborn("b", b.journal);
    again.run("wait 600");
    expect(again.run("a: accept ballot=3.a number=2 value=y")).toContain("refused promised=5.c");
    expect(again.run("a: prepare ballot=4.a from=1")).toContain("refused promised=5.c");
    expect(again.run("c: prepare ballot=6.c from=1")).toContain("entries=[1:3.a:x]");
  });

  it("P4 an acceptor restarted before its write was durable never answered", () => {
    const answers: string[] = [];
    const cluster = paxosCluster({
      size: 3,
      seed: 1,
      onSent: (from, _to, bytes) => {
        const { message } = decodeMessage(bytes);
        if (message.kind === "acceptOk" || message.kind === "prepareOk") answers.push(`${from}: ${lineOf(message)}`);
      },
    });
    const other = cluster.members.find((id) => id !== leaderOf(cluster)) as MemberId;
    cluster.runFor(20);
    answers.length = 0;
    cluster.faults = { loss: 0, duplication: 0, delayMsMax: 1, flushMsMax: 1e9 };
    cluster.propose("x");
    cluster.runFor(20);
    const disk = cluster.disk(other);
    expect(disk.written).toBeGreaterThan(disk.durable);
    cluster.kill(other);
    expect(answers).toEqual([]);
  });

  it("what a journal shows to be chosen is delivered at the start, before anybody is heard", () => {
    const b = member("b");
    b.run(`a: accept ballot=1.a number=1 value=x
           a: accept ballot=1.a number=2 chosen=1 value=y
           a: accept ballot=1.a number=3 chosen=2 value=z`);
    const again = new Transcript({ group: "g", self: "b" });
    again.restore(b.journal);
    expect(`${again.start()}${again.run("records 1")}`).toContain("decided 1 x");
    expect(again.core.status).toMatchObject({ chosen: 1, knownChosen: 1, role: "follower" });
  });

  it("a member that applied more than its journal holds delivers only what is new to it", () => {
    const b = reborn("b", member("b").journal, 2);
    const told = b.run(`a: heartbeat ballot=1.a chosen=3 round=1
                        a: learnReply from=1 values=[x,y,z] chosen=3`);
    expect(told.match(/decided.*/g)).toEqual(["decided 3 z"]);
  });

  it("a leader restarted with a smaller window takes over what an earlier one left open", () => {
    const before = member("a", ["a"], { alpha: 64 });
    before.run("timer election\na: prepareOk ballot=1.a");
    for (let at = 1; at <= 64; at++) before.run(`propose v${at}`);
    const after = reborn("a", before.journal, 0, { alpha: 1 });
    const [prepareOk] = /prepareOk.*/.exec(after.run("timer election")) ?? [""];
    const told = after.run(`a*2: ${prepareOk}`);
    // It asks its own acceptor for each, and nobody else would answer.
    expect(told.match(/to a: acceptOk/g)).toHaveLength(64);
    for (let at = 1; at <= 64; at++) after.run(`a*2: acceptOk ballot=2.a number=${at}`);
    expect(after.core.status.chosen).toBe(64);
  });

  it("a group whose members have different windows goes on over changes of leader", () => {
    const make = (self: MemberId): Paxos => new Paxos({ group: "g", self, ...FAST, alpha: self === "a" ? 64 : 1 });
    const cluster = paxosCluster({ size: 3, seed: 3, make });
    for (let round = 0; round < 10; round++) {
      cluster.until(() => cluster.leader !== undefined, 2_000, "somebody leads");
      for (let count = 0; count < 64; count++) cluster.propose(`${round}.${count}`);
      cluster.runFor(0.5);
      cluster.restart(leaderOf(cluster));
      cluster.decide(`after ${round}`, 2_000);
    }
  });
});

describe("large things", () => {
  it("an open suffix of several pages is told page by page, and proposed again whole", () => {
    const [a, b] = [member("a", ["a", "b"], { alpha: 8 }), member("b", ["a", "b"], { alpha: 8 })];
    a.run("b: hello promised=1.a");
    const now = 2_000;
    const take = (to: Transcript, from: MemberId, message: PaxosMessage | Uint8Array): readonly ConsensusOutput[] => {
      const bytes = message instanceof Uint8Array ? message : encoded(message);
      return to.core.step({ kind: "message", from, bytes }, now);
    };
    // What `b` accepted in an earlier reign of `a`.
    for (let number = 1; number <= 8; number++) {
      const value = bytesOf(String(number).repeat(200 * 1024));
      take(b, "a", { kind: "accept", ballot: { round: 1, member: "a" }, number, value, chosen: 0 });
    }
    a.core.step({ kind: "timer", name: "election", random: 0 }, now);
    let said = take(a, "b", { kind: "probeOk", promised: { round: 1, member: "a" } });
    let pages = 0;
    while (a.core.status.role !== "leader" && pages < 20) {
      const answers = said.flatMap((output) => {
        if (output.kind !== "send") return [];
        return take(output.to === "a" ? a : b, "a", output.bytes);
      });
      said = answers.flatMap((output) => (output.kind === "send" ? take(a, "b", output.bytes) : []));
      pages++;
    }
    expect(pages).toBe(4);
    expect(a.core.status).toMatchObject({ role: "leader", inFlight: 8 });
  });

  it("values in memory are bounded, however small they are", () => {
    const table = new DecreeTable(10_000);
    for (let number = 1; number <= 5_000; number++) {
      table.accept(number, { ballot: { round: 1, member: "a" }, value: new Uint8Array(0), seq: number });
      table.choose();
    }
    const held = Array.from({ length: 5_000 }, (_, at) => table.cached(at + 1)).filter((value) => value !== undefined);
    expect(held.length).toBeLessThan(1_000);
    expect(table.cached(5_000)).toBeDefined();
  });
});
