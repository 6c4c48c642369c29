import type { MemberId } from "../ids.ts";
import type { Cluster } from "./cluster.ts";
import { type ConsensusHarness, clusterOf, decideMany, everybodyKnowsAll, leaderOf, type SuiteApi } from "./harness.ts";

export function reading({ it, expect }: SuiteApi, harness: ConsensusHarness): void {
  it("confirms reads at the leader, and nowhere else", () => {
    const cluster = clusterOf(harness, 3);
    cluster.decide("before", harness.patienceMs);
    for (const id of cluster.members) cluster.read(id);
    cluster.runFor(harness.patienceMs / 10);
    expect(cluster.reads.confirmedCount).toBe(1);
  });

  it("a leader that was paused confirms nothing of the past", () => {
    const cluster = clusterOf(harness, 3);
    cluster.decide("before", harness.patienceMs);
    const old = leaderOf(cluster, harness);
    cluster.life(old)?.pause(harness.patienceMs);
    cluster.until(() => cluster.leader !== undefined && cluster.leader !== old, harness.patienceMs, "another leads");
    decideMany(cluster, harness, "meanwhile", 3);
    // They wait in its inbox, and what was sent to it before the pause is taken first.
    for (let count = 0; count < 5; count++) cluster.read(old);
    cluster.runFor(2 * harness.patienceMs);
    expect(cluster.life(old)?.core.status.leader === old).toBe(false);
  });
}

export function trimming({ it, expect }: SuiteApi, harness: ConsensusHarness): void {
  it("what is trimmed is gone from the journal, and nothing else over a restart of all", () => {
    const cluster = clusterOf(harness, 3);
    for (let round = 0; round < 4; round++) {
      decideMany(cluster, harness, `r${round}.`, 20);
      everybodyKnowsAll(cluster, harness);
      for (const id of cluster.members) cluster.trim(id);
      cluster.runFor(harness.paceMs);
    }
    for (const id of cluster.members) expect(cluster.life(id)?.core.status.trimmed).toBeGreaterThanOrEqual(80);
    for (const id of cluster.members) cluster.kill(id);
    for (const id of cluster.members) cluster.restart(id);
    decideMany(cluster, harness, "after", 3);
    everybodyKnowsAll(cluster, harness);
  });

  it("a member that missed what the others have trimmed takes over their state", () => {
    const cluster = clusterOf(harness, 3);
    cluster.decide("before", harness.patienceMs);
    const lagging = cluster.members.find((id) => id !== cluster.leader) as MemberId;
    cluster.kill(lagging);
    decideMany(cluster, harness, "missed", 30);
    for (const id of cluster.alive) {
      cluster.trim(id);
      cluster.restart(id);
    }
    cluster.restart(lagging);
    decideMany(cluster, harness, "after", 3);
    everybodyKnowsAll(cluster, harness);
  });
}

export function reconfiguring({ it, expect }: SuiteApi, harness: ConsensusHarness): void {
  const become = (cluster: Cluster, members: readonly MemberId[]): void => {
    const wanted = [...members].sort().join();
    const isSo = (): boolean => cluster.ledger.membership.members.join() === wanted;
    const asked = (): boolean => isSo() || (cluster.reconfigure(members) && isSo());
    cluster.until(asked, harness.patienceMs, `${wanted} decide`);
  };

  it("1 → 3 → 5 → 3 members, each step while values are decided", () => {
    const cluster = clusterOf(harness, 1);
    for (const members of [
      ["a", "b", "c"],
      ["a", "b", "c", "d", "e"],
      ["c", "d", "e"],
    ]) {
      for (const id of members) if (!cluster.members.includes(id)) cluster.join(id);
      decideMany(cluster, harness, `before ${members.length}.`, 5);
      everybodyKnowsAll(cluster, harness);
      become(cluster, members);
      decideMany(cluster, harness, `after ${members.length}.`, 5);
      everybodyKnowsAll(cluster, harness);
    }
    expect(cluster.ledger.membership.legislature).toBeGreaterThanOrEqual(4);
  });

  it("a lost member is replaced by its next incarnation, and the old one has no vote left", () => {
    const cluster = clusterOf(harness, 3);
    decideMany(cluster, harness, "v", 5);
    const lost = cluster.members.find((id) => id !== cluster.leader) as MemberId;
    cluster.kill(lost);
    cluster.join(`${lost}.2`);
    const others = cluster.members.filter((id) => id !== lost);
    cluster.until(() => cluster.delivered(`${lost}.2`) >= 5, harness.patienceMs, "the new one has caught up");
    become(cluster, others);
    cluster.restart(lost);
    decideMany(cluster, harness, "w", 5);
    cluster.kill(cluster.leader as MemberId);
    // Two of three: the new incarnation has to be one of them.
    decideMany(cluster, harness, "x", 5);
    expect(cluster.life(lost)?.core.status.role).toBe("learner");
  });
}
