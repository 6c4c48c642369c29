import type { MemberId } from "@halon/consensus";
import { describe, expect, it } from "vitest";
import { leaderOf, production } from "./cluster-runs.ts";

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

  it("nor longer than 600 ms, also where both who are left stand at the same time", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const cluster = production(3, seed);
      cluster.faults = { loss: 0, duplication: 0, delayMsMax: 6, flushMsMax: 12 };
      cluster.decide("before", 5_000);
      cluster.runFor(500);
      cluster.kill(leaderOf(cluster));
      cluster.decide("after", 600);
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

  it("a member back from a cut, in which it stood again and again, costs no change of leader", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cluster = production(3, seed);
      const first = leaderOf(cluster);
      const lone = cluster.members.find((id) => id !== first) as MemberId;
      cluster.partition(
        cluster.members.filter((id) => id !== lone),
        [lone],
      );
      cluster.decide("during", 1_000);
      cluster.runFor(5_000);
      cluster.heal();
      cluster.decide("after", 200);
      cluster.runFor(5_000);
      expect(cluster.leader).toBe(first);
      expect(cluster.delivered(lone)).toBe(cluster.ledger.highest);
    }
  });

  it("a reconfiguration, the leader staying or not, is over and decides again within 1.5 s", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cluster = production(3, seed);
      cluster.decide("before", 5_000);
      cluster.join("d");
      cluster.until(() => cluster.delivered("d") === cluster.ledger.highest, 2_000, "d has caught up");
      const leaver = seed % 2 === 0 ? leaderOf(cluster) : cluster.members.find((id) => id !== cluster.leader);
      expect(cluster.reconfigure(["a", "b", "c", "d"].filter((id) => id !== leaver))).toBe(true);
      cluster.until(() => cluster.ledger.membership.legislature === 2, 1_000, "the stop sign is chosen");
      cluster.decide("after", 1_500);
    }
  });

  it("a healthy leader stays, idle or busy", () => {
    const cluster = production(5, 1);
    cluster.faults = { loss: 0.05, duplication: 0.1, delayMsMax: 20, flushMsMax: 20 };
    leaderOf(cluster);
    // Until those who stood at the same time have settled it.
    cluster.runFor(500);
    const leader = cluster.leader;
    for (let round = 0; round < 50; round++) {
      if (round % 2 === 0) cluster.propose(`${round}`);
      cluster.runFor(200);
      expect(cluster.leader).toBe(leader);
    }
  });
});
