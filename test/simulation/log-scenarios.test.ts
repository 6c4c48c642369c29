import type { StateMachine } from "@halon/replicated-log";
import { describe, expect, it } from "vitest";
import {
  appendMany,
  ask,
  assertKept,
  clientOf,
  cutAllPower,
  leaderOf,
  othersThan,
  PATIENCE_MS,
  quiet,
  reconfigure,
  settle,
} from "./log-acts.ts";
import { LIMITS, type LogGroup } from "./log-group.ts";
import { journalName } from "./log-station.ts";

/** Appends until so many decrees more are decided; what is acknowledged is returned. */
function load(group: LogGroup, decrees: number): readonly string[] {
  const acknowledged: string[] = [];
  const until = group.ledger.highest + decrees;
  while (group.ledger.highest < until) {
    appendMany(group, acknowledged);
    group.world.until(() => group.waiting === 0, PATIENCE_MS, "all are answered or given up");
  }
  return acknowledged;
}

/** Writes until whoever leads has forgotten all decrees of before. */
function outgrow(group: LogGroup): void {
  const before = group.ledger.highest;
  while (statusOf(group, leaderOf(group)).trimmed <= before) {
    for (const process of group.clients) {
      const client = clientOf(process);
      client.call({ op: "replace", key: process.id, element: `${client.newElement()} ${"x".repeat(800)}` });
    }
    group.world.until(() => group.waiting === 0, PATIENCE_MS, "all are answered or given up");
  }
}

/** Waits until those vote who are wanted. */
function want(group: LogGroup, names: readonly string[]): void {
  group.wanted = new Set(names);
  settle(group);
}

const statusOf = (group: LogGroup, name: string) => {
  const { instance } = group.station(name);
  if (instance === undefined) throw new Error(`${name} is down`);
  return instance.member.status;
};

describe("log", () => {
  for (const stations of [1, 3, 5])
    it(`L1 ${stations} replicas: what is appended is read, whichever replica a client asks first`, () => {
      const group = quiet({ stations });
      settle(group);
      for (let at = 1; at <= 10; at++) {
        const element = `e${at}`;
        const appended = ask(group, clientOf(group.clients[at % 2]), { op: "append", key: "k", element });
        for (const name of group.names) {
          const reader = clientOf(group.clients[(at + 1) % 2]);
          reader.replicator.follow(group.names, name);
          expect(ask(group, reader, { op: "read", key: "k" })).toBe(appended);
        }
      }
      group.world.finish();
    });

  it("L1 a leader that was cut off answers no read from the past", () => {
    const group = quiet({ stations: 3 });
    const { world } = group;
    settle(group);
    const [near, far] = [clientOf(group.clients[0]), clientOf(group.clients[1])];
    ask(group, near, { op: "replace", key: "k", element: "old" });
    const old = leaderOf(group);
    // The first client is cut off together with the leader, the other with the rest.
    const heal = world.network.partition([old, "client-1"], [...othersThan(group, old), "client-2"]);
    near.replicator.follow(group.names, old);
    far.replicator.follow(othersThan(group, old));
    const answers: (string | undefined)[] = [];
    ask(group, far, { op: "replace", key: "k", element: "new" });
    for (let count = 0; count < 5; count++) {
      near.call({ op: "read", key: "k" }, (answer) => answers.push(answer));
      world.runFor(300);
    }
    expect(answers.filter((answer) => answer !== undefined)).toEqual([]);
    heal();
    expect(ask(group, near, { op: "read", key: "k" })).toBe("new");
    world.finish();
  });

  it("L2 a client whose answers are lost retries with the same number: applied once", () => {
    const group = quiet();
    const { world } = group;
    settle(group);
    const client = clientOf(group.clients[0]);
    ask(group, client, { op: "append", key: "k", element: "first" });
    const before = group.ledger.highest;
    // What it asks of the leader arrives, the answer does not. Others send it back to the leader.
    const heal = world.network.cut(leaderOf(group), "client-1");
    let answer: string | undefined;
    client.call({ op: "append", key: "k", element: "second" }, (each) => {
      answer = each;
    });
    world.until(() => group.ledger.highest >= before + 2, PATIENCE_MS, "it is submitted a second time");
    heal();
    world.until(() => answer !== undefined, PATIENCE_MS, "the answer");
    expect(answer).toBe("first second");
    expect(ask(group, client, { op: "read", key: "k" })).toBe("first second");
    world.finish();
  });

  it("L2 what is kept against duplicates stays bounded while a client goes on for long, and clients come and go", () => {
    const group = quiet({ clients: 1, limits: { ...LIMITS, snapshotBytes: 64 * 1024 } });
    settle(group);
    const kept: number[] = [];
    for (let round = 0; round < 40; round++) {
      const client = clientOf(group.clients[0]);
      for (let at = 0; at < 50; at++) client.call({ op: "replace", key: "k", element: client.newElement() });
      group.world.until(() => group.waiting === 0, PATIENCE_MS, "all are answered");
      const store = group.leader?.instance?.store;
      kept.push(store?.range({ from: "~result/", to: "~result0" }).length ?? 0);
      expect(store?.range({ from: "~session/", to: "~session0" }).length).toBeLessThanOrEqual(
        LIMITS.sessions.sessionsMax,
      );
      if (round >= 10) group.clients[0]?.restart();
    }
    expect(Math.max(...kept)).toBeLessThanOrEqual(50 * LIMITS.sessions.sessionsMax);
    group.world.finish();
  });

  it("L3 a replica is added while logs are trimmed: it applies what was before and comes after, and votes", () => {
    const group = quiet({ founders: 3, stations: 4 });
    settle(group);
    const acknowledged = [...load(group, 10)];
    outgrow(group);
    group.wanted = new Set(group.names);
    outgrow(group);
    acknowledged.push(...load(group, 10));
    settle(group);
    expect(group.membership).toContain("station-4.1");
    // With two of four down, it is needed.
    acknowledged.push(...load(group, 10));
    const [down] = othersThan(group, leaderOf(group)).filter((name) => name !== "station-4");
    group.station(down ?? "").kill();
    acknowledged.push(...load(group, 10));
    group.station(down ?? "").start();
    settle(group);
    assertKept(group, acknowledged);
    expect(new Set(group.states.map(({ text }) => text)).size).toBe(1);
    group.world.finish();
  });

  it("L3 adding a present member changes nothing, and an interrupted addition can be repeated", () => {
    const group = quiet({ founders: 3, stations: 4 });
    const { world } = group;
    settle(group);
    expect(reconfigure(group, { add: "station-1.1" })).toBe("result");
    expect(group.ledger.legislatures).toBe(1);
    group.isLookedAfter = false;
    group.station("station-4");
    world.runFor(1_000);
    // Whoever leads dies with the change on its way.
    group.reconfigure({ add: "station-4.1" });
    world.runFor(0.05);
    const old = leaderOf(group);
    group.station(old).kill();
    world.runFor(2_000);
    expect(reconfigure(group, { add: "station-4.1" })).toBe("result");
    group.station(old).start();
    want(group, group.names);
    expect(group.membership).toContain("station-4.1");
    expect(group.ledger.legislatures).toBe(2);
    world.finish();
  });

  it("L4 one is replaced, and 1 → 3 → 5 → 3 under load: nothing acknowledged is lost", () => {
    const group = quiet({ founders: 1, stations: 6, clients: 3 });
    settle(group);
    const [a, b, c, d, e, f] = group.names as [string, string, string, string, string, string];
    const acknowledged: string[] = [];
    for (const wanted of [
      [a, b, c],
      [a, b, c, d, e],
      [c, d, e],
      [c, d, f],
    ]) {
      group.wanted = new Set(wanted);
      acknowledged.push(...load(group, 30));
      settle(group);
      expect(group.membership).toEqual(wanted.map((name) => `${name}.1`).sort());
    }
    assertKept(group, acknowledged);
    group.world.finish();
  });

  it("L4 a removed replica that comes back cannot vote, nor fool a client", () => {
    const group = quiet({ founders: 3, stations: 4 });
    const { world } = group;
    settle(group);
    const [near, far] = [clientOf(group.clients[0]), clientOf(group.clients[1])];
    ask(group, far, { op: "replace", key: "k", element: "old" });
    const [gone = ""] = othersThan(group, leaderOf(group));
    group.station(gone).kill();
    want(group, othersThan(group, gone));
    ask(group, far, { op: "replace", key: "k", element: "new" });
    // Back, it hears one old companion at most: two of the three who voted once are no majority of those who do.
    group.station(gone).start();
    const [companion = "", ...rest] = group.wanted;
    const heal = world.network.partition([gone, companion, "client-1"], [...rest, "client-2"]);
    near.replicator.follow([gone, companion], gone);
    const answers: (string | undefined)[] = [];
    for (const op of ["read", "append"] as const)
      near.call({ op, key: "k", element: "from nobody" }, (answer) => answers.push(answer));
    world.runFor(2_500);
    expect(answers.filter((answer) => answer !== undefined)).toEqual([]);
    expect(statusOf(group, gone).role).not.toBe("leader");
    far.replicator.follow(rest);
    ask(group, far, { op: "replace", key: "k", element: "newer" });
    heal();
    settle(group);
    near.replicator.follow(group.names, gone);
    expect(ask(group, near, { op: "read", key: "k" })).toContain("newer");
    expect(statusOf(group, gone).role).toBe("learner");
    world.finish();
  });

  it("L5 what is in flight when who votes changes is done exactly once, or not", () => {
    for (let seed = 1; seed <= 5; seed++) {
      // What is in flight is much at times.
      const limits = { ...LIMITS, snapshotBytes: 128 * 1024 };
      const group = quiet({ founders: 3, stations: 4, clients: 3, limits }, seed);
      const { world } = group;
      settle(group);
      const acknowledged: string[] = [];
      for (const wanted of [group.names, group.names.slice(1), group.names.slice(0, 3)]) {
        group.wanted = new Set(wanted);
        for (let round = 0; round < 12; round++) {
          appendMany(group, acknowledged);
          world.runFor(world.chance.between(0, 40));
        }
        settle(group);
      }
      // All were answered, so that all are there; once, says the invariant.
      expect(acknowledged.length).toBe(group.history.called);
      assertKept(group, acknowledged);
      world.finish();
    }
  });

  it("L6 the log stays below three times the snapshot threshold on every replica, and comes to rest below two", () => {
    const snapshotBytes = 64 * 1024;
    const group = quiet({ clients: 3, limits: { ...LIMITS, snapshotBytes } });
    settle(group);
    let bytesMax = 0;
    for (let round = 0; round < 300; round++) {
      for (const { instance } of group.clients)
        instance?.call({ op: "replace", key: "k", element: `${instance.newElement()} ${"x".repeat(600)}` });
      group.world.until(() => group.waiting === 0, PATIENCE_MS, "all are answered");
      for (const name of group.names) bytesMax = Math.max(bytesMax, statusOf(group, name).journalBytes);
    }
    settle(group);
    expect(bytesMax).toBeLessThan(3 * snapshotBytes);
    for (const name of group.names) {
      const { journalBytes, trims } = statusOf(group, name);
      expect(trims).toBeGreaterThanOrEqual(5);
      expect(journalBytes).toBeLessThan(2 * snapshotBytes);
    }
    group.world.finish();
  });

  it("L7 a link cut both ways and restored: the pending update completes on both sides", () => {
    const group = quiet({ stations: 2, clients: 2 });
    const { world } = group;
    settle(group);
    for (const client of group.clients) ask(group, clientOf(client), { op: "append", key: "k", element: client.id });
    // Each client stays with one station; between the stations nothing passes, so that neither can decide alone.
    const heal = world.network.partition(["station-1", "client-1"], ["station-2", "client-2"]);
    let answers = 0;
    for (const client of group.clients)
      clientOf(client).call({ op: "append", key: "k", element: `pending ${client.id}` }, (answer) => {
        if (answer !== undefined) answers++;
      });
    world.runFor(1_500);
    expect(answers).toBe(0);
    heal();
    world.until(() => answers === 2, PATIENCE_MS, "both pending updates complete");
    settle(group);
    for (const client of group.clients) {
      const list = ask(group, clientOf(client), { op: "read", key: "k" });
      expect(list.split(" pending ").slice(1).sort()).toEqual(["client-1/app", "client-2/app"]);
    }
    world.finish();
  });

  it("L8 all five killed at once and restarted from disk: nothing that was acknowledged is lost", () => {
    for (let seed = 1; seed <= 10; seed++) expect(() => cutAllPower({ seed, stations: 5 })).not.toThrow();
  });

  it("L10 a leader paused for three leases, then resumed: it serves no stale read, its late proposals are refused", () => {
    const group = quiet();
    const { world } = group;
    settle(group);
    const [near, far] = [clientOf(group.clients[0]), clientOf(group.clients[1])];
    ask(group, near, { op: "replace", key: "k", element: "old" });
    const old = leaderOf(group);
    for (const client of [near, far]) client.replicator.follow(group.names, old);
    // Asked right before the pause, and during it: all is waiting for the old leader when it goes on.
    const late: string[] = [];
    near.call({ op: "append", key: "k", element: "late" }, (answer) => late.push(answer ?? "none"));
    world.runFor(0.2);
    group.station(old).pause();
    near.call({ op: "read", key: "k" }, (answer) => late.push(answer ?? "none"));
    far.replicator.follow(othersThan(group, old));
    ask(group, far, { op: "replace", key: "k", element: "new" });
    world.runFor(1_500);
    group.station(old).resume();
    near.replicator.follow(group.names, old);
    expect(ask(group, near, { op: "read", key: "k" })).toMatch(/^new/);
    settle(group);
    expect(leaderOf(group)).not.toBe(old);
    world.finish();
  });

  it("L11 a restarted leader assumes no lease it held before", () => {
    const group = quiet();
    const { world } = group;
    settle(group);
    world.runFor(500);
    const old = leaderOf(group);
    expect(statusOf(group, old).leased).toBe(true);
    // Nobody else notices: the others' grants are still good when it is back.
    group.station(old).restart();
    world.network.partition([old, "client-1"], [...othersThan(group, old), "client-2"]);
    const near = clientOf(group.clients[0]);
    near.replicator.follow([old], old);
    let answers = 0;
    near.call({ op: "read", key: "k" }, (answer) => {
      if (answer !== undefined) answers++;
    });
    const untilMs = world.nowMs + 2_500;
    while (world.step(untilMs)) {
      const status = group.station(old).instance?.member.status;
      expect([status?.leased ?? false, status?.role === "leader"]).toEqual([false, false]);
    }
    expect(answers).toBe(0);
    world.finish();
  });

  it("L12 a replica that lags catches up from the log, one whose decrees are gone from a snapshot", () => {
    const group = quiet();
    const { world } = group;
    settle(group);
    const [lagging = ""] = othersThan(group, leaderOf(group));
    group.station(lagging).kill();
    const acknowledged = [...load(group, 10)];
    group.station(lagging).start();
    settle(group);
    expect(statusOf(group, lagging).installs).toBe(0);
    group.station(lagging).kill();
    outgrow(group);
    // What they keep in memory would do, too.
    for (const name of othersThan(group, lagging)) group.station(name).restart();
    world.until(() => group.leader !== undefined, PATIENCE_MS, "one leads");
    const before = world.nowMs;
    acknowledged.push(...load(group, 40));
    const aloneMs = world.nowMs - before;
    group.station(lagging).start();
    const again = world.nowMs;
    acknowledged.push(...load(group, 40));
    // The group goes on at its pace meanwhile.
    expect(world.nowMs - again).toBeLessThan(3 * aloneMs);
    settle(group);
    expect(statusOf(group, lagging).installs).toBe(1);
    assertKept(group, acknowledged);
    expect(new Set(group.states.map(({ text }) => text)).size).toBe(1);
    world.finish();
  });

  it("L12 a snapshot that is superseded in the middle is resumed from a newer one: only what differs travels again", () => {
    const limits = { ...LIMITS, snapshotBytes: 2 * 1024 * 1024 };
    const group = quiet({ founders: 3, stations: 4, clients: 1, limits });
    const { world } = group;
    settle(group);
    const client = clientOf(group.clients[0]);
    const large = "x".repeat(200_000);
    const keys = Array.from({ length: 20 }, (_, at) => `large-${String(at).padStart(2, "0")}`);
    for (const key of keys) ask(group, client, { op: "replace", key, element: large });
    world.network.setWeather({ delayMsMin: 20, delayMsMax: 25 }, { from: "station-4", to: leaderOf(group) });
    const joining = group.station("station-4");
    const status = () => joining.instance?.member.status.installing;
    world.until(() => (status()?.ranges ?? 0) >= 8, PATIENCE_MS, "the transfer is under way");
    const firstDecree = status()?.decree ?? 0;
    const firstPeer = status()?.peer ?? "";
    ask(group, client, { op: "replace", key: keys[0] ?? "", element: "newer" });
    // The one that serves dies, and with it its snapshot.
    group.station(firstPeer.slice(0, firstPeer.indexOf("."))).restart();
    want(group, group.names);
    const { installing } = statusOf(group, "station-4");
    expect(installing.decree).toBeGreaterThan(firstDecree);
    expect(installing.rangesSame).toBeGreaterThan(0);
    expect(installing.receivedBytes).toBeLessThan(1.3 * keys.length * large.length);
    expect(new Set(group.states.map(({ text }) => text)).size).toBe(1);
    world.finish();
  });

  for (const [what, strike] of [
    [
      "a flipped bit",
      (group: LogGroup, name: string) => {
        const disk = group.world.machine(name).journalDisk(journalName(1));
        disk.flipBit(disk.firstSeq + 1, 3);
      },
    ],
    ["a truncated file", (group: LogGroup, name: string) => group.world.machine(name).truncateJournal(journalName(1))],
    ["a missing file", (group: LogGroup, name: string) => group.world.machine(name).journalDisk(journalName(1)).wipe()],
  ] as const)
    it(`L14 ${what} on a minority: it comes back as another member, and nothing acknowledged is lost`, () => {
      const group = quiet();
      settle(group);
      const acknowledged = [...load(group, 20)];
      const [struck = ""] = othersThan(group, leaderOf(group));
      group.station(struck).kill();
      strike(group, struck);
      group.station(struck).start();
      acknowledged.push(...load(group, 20));
      settle(group);
      expect(group.membership).toContain(`${struck}.2`);
      expect(group.membership).not.toContain(`${struck}.1`);
      assertKept(group, acknowledged);
      group.world.finish();
    });

  it("L14 an fsync error on the leader: it comes back as another member, and nothing acknowledged is lost", () => {
    const group = quiet();
    settle(group);
    const acknowledged = [...load(group, 20)];
    const struck = leaderOf(group);
    group.world.machine(struck).journalDisk(journalName(1)).failNextFlush();
    acknowledged.push(...load(group, 20));
    settle(group);
    expect(group.membership).toContain(`${struck}.2`);
    assertKept(group, acknowledged);
    group.world.finish();
  });

  it("L14 a full disk: the replica stops; with room again it goes on as who it was", () => {
    const group = quiet();
    settle(group);
    const acknowledged = [...load(group, 20)];
    const struck = leaderOf(group);
    group.world.machine(struck).isDiskFull = true;
    acknowledged.push(...load(group, 20));
    group.world.runFor(2_000);
    expect(group.station(struck).lives).toBeGreaterThan(1);
    group.world.machine(struck).isDiskFull = false;
    settle(group);
    expect(group.membership).toContain(`${struck}.1`);
    assertKept(group, acknowledged);
    group.world.finish();
  });

  it("L16 a replica whose state differs notices by digest, stops and rebuilds", () => {
    let isTold = false;
    /** The last byte of one result is another one. */
    const wrong = (real: StateMachine): StateMachine => ({
      apply(payload, state, context) {
        const result = real.apply(payload, state, context);
        if (isTold || context.number < 20) return result;
        isTold = true;
        state.put("k", Uint8Array.of(...(state.get("k") ?? []), 33));
        return result;
      },
      query: (payload, state) => real.query(payload, state),
    });
    const group = quiet({
      unwatched: true,
      substitutes: { machine: (member, real) => (member === "station-2.1" ? wrong(real) : real) },
    });
    settle(group);
    const acknowledged = load(group, 80);
    settle(group);
    expect(isTold).toBe(true);
    expect(group.notices.filter(({ notice }) => notice.kind === "diverged").map(({ name }) => name)).toEqual([
      "station-2",
    ]);
    expect(statusOf(group, "station-2").installs).toBe(1);
    assertKept(group, acknowledged);
    expect(new Set(group.states.map(({ text }) => text)).size).toBe(1);
  });

  it("L16 a snapshot restored elsewhere gives the same bytes, and the same digest", () => {
    const group = quiet({ founders: 3, stations: 5 });
    settle(group);
    load(group, 20);
    outgrow(group);
    want(group, group.names);
    load(group, LIMITS.digestEvery);
    settle(group);
    expect(statusOf(group, "station-5").installs).toBe(1);
    expect(new Set(group.states.map(({ text }) => text)).size).toBe(1);
    expect(new Set(group.names.map((name) => JSON.stringify(statusOf(group, name).digest))).size).toBe(1);
    group.world.finish();
  });
});
