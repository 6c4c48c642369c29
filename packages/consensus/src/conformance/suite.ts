import { CLOCK_RATE_ERROR_MAX } from "../consensus.ts";
import type { MemberId } from "../ids.ts";
import { createMembership } from "../membership.ts";
import { Chance } from "./chance.ts";
import {
  type ConsensusHarness,
  clusterOf,
  decideMany,
  everybodyKnowsAll,
  leaderOf,
  NAMES,
  type SuiteApi,
} from "./harness.ts";
import { calm, storm } from "./storm.ts";
import { reading, reconfiguring, trimming } from "./suite-long-run.ts";

const STORM_SEEDS = 6;

/** What a {@link Consensus} promises, whatever it is made of. Every implementation runs it. */
export function consensusConformance(api: SuiteApi, harness: ConsensusHarness): void {
  api.describe("consensus conformance", () => {
    deciding(api, harness);
    surviving(api, harness);
    catchingUp(api, harness);
    refusing(api, harness);
    reading(api, harness);
    trimming(api, harness);
    reconfiguring(api, harness);
    weathering(api, harness);
  });
}

function deciding({ it, expect }: SuiteApi, harness: ConsensusHarness): void {
  for (const size of [1, 2, 3, 5])
    it(`${size} of ${size} decide values in order, and all deliver the same`, () => {
      const cluster = clusterOf(harness, size);
      decideMany(cluster, harness, "v", 20);
      everybodyKnowsAll(cluster, harness);
      expect(cluster.ledger.highest).toBeGreaterThanOrEqual(20);
    });

  it("takes as many values at once as it says, and none when it does not lead", () => {
    const cluster = clusterOf(harness, 3);
    const leader = leaderOf(cluster, harness);
    let taken = 0;
    while (cluster.propose(`w${taken}`) && taken < 100_000) taken++;
    expect(taken).toBeGreaterThanOrEqual(1);
    for (const id of cluster.members) if (id !== leader) expect(cluster.life(id)?.core.canPropose).toBe(false);
    const isDecided = (): boolean => Array.from({ length: taken }).every((_, at) => cluster.ledger.has(`w${at}`));
    cluster.until(isDecided, harness.patienceMs, `all ${taken} decided`);
  });

  it("names the number of a value that it takes", () => {
    const cluster = clusterOf(harness, 3);
    const leader = leaderOf(cluster, harness);
    const numbers: number[] = [];
    for (const text of ["x", "y"]) {
      cluster.until(() => cluster.propose(text), harness.patienceMs, `${text} taken`);
      numbers.push(cluster.life(leader)?.proposed ?? 0);
    }
    cluster.until(() => cluster.ledger.has("y"), harness.patienceMs, "both decided");
    expect(numbers.map((number) => cluster.ledger.value(number))).toEqual(["x", "y"]);
  });

  it("proposing at somebody who does not lead changes nothing", () => {
    const cluster = clusterOf(harness, 3);
    const leader = leaderOf(cluster, harness);
    const other = cluster.members.find((id) => id !== leader) as MemberId;
    cluster.input(other, { kind: "propose", value: new TextEncoder().encode("lost") });
    decideMany(cluster, harness, "v", 3);
    expect(cluster.life(other)?.proposed).toBe(undefined);
    expect(cluster.ledger.has("lost")).toBe(false);
  });
}

function surviving({ it, expect }: SuiteApi, harness: ConsensusHarness): void {
  for (const [size, dead] of [
    [3, 1],
    [5, 2],
  ] as const)
    it(`${size} go on without ${dead}, the leader among them`, () => {
      const cluster = clusterOf(harness, size);
      cluster.decide("before", harness.patienceMs);
      cluster.kill(leaderOf(cluster, harness));
      for (const id of cluster.alive.slice(0, dead - 1)) cluster.kill(id);
      decideMany(cluster, harness, "after", 5);
      everybodyKnowsAll(cluster, harness);
    });

  it("decides nothing without a quorum, and goes on when it is back", () => {
    const cluster = clusterOf(harness, 3);
    cluster.decide("before", harness.patienceMs);
    const [first, second] = cluster.members as readonly [MemberId, MemberId];
    cluster.kill(first);
    cluster.kill(second);
    cluster.runFor(1);
    const { highest } = cluster.ledger;
    for (let round = 0; round < 20; round++) {
      cluster.propose(`alone ${round}`);
      cluster.runFor(harness.patienceMs / 20);
    }
    expect(cluster.ledger.highest).toBe(highest);
    cluster.restart(first);
    cluster.decide("again", harness.patienceMs);
  });

  it("a leader cut off alone gives up, and what it could not pass is not lost to agreement", () => {
    const cluster = clusterOf(harness, 3);
    cluster.decide("before", harness.patienceMs);
    const old = leaderOf(cluster, harness);
    cluster.partition([old]);
    cluster.propose("from the cut");
    const isReplaced = (): boolean => cluster.life(old)?.core.status.role !== "leader" && cluster.leader !== undefined;
    cluster.until(isReplaced, harness.patienceMs, `${old} gives up and another leads`);
    decideMany(cluster, harness, "after", 3);
    cluster.heal();
    decideMany(cluster, harness, "healed", 3);
    everybodyKnowsAll(cluster, harness);
  });

  it("all killed and restarted: every decree delivered before is delivered again, with its value", () => {
    const cluster = clusterOf(harness, 5);
    decideMany(cluster, harness, "v", 10);
    const { highest } = cluster.ledger;
    for (const id of cluster.members) cluster.kill(id);
    for (const id of cluster.members) cluster.restart(id);
    decideMany(cluster, harness, "w", 3);
    everybodyKnowsAll(cluster, harness);
    expect(cluster.ledger.highest).toBeGreaterThanOrEqual(highest + 3);
  });
}

function catchingUp({ it, expect }: SuiteApi, harness: ConsensusHarness): void {
  it("a member that was cut off learns all it missed", () => {
    const cluster = clusterOf(harness, 3);
    const leader = leaderOf(cluster, harness);
    const lagging = cluster.members.find((id) => id !== leader) as MemberId;
    cluster.partition(
      cluster.members.filter((id) => id !== lagging),
      [lagging],
    );
    decideMany(cluster, harness, "missed", 50);
    expect(cluster.delivered(lagging)).toBe(0);
    cluster.heal();
    everybodyKnowsAll(cluster, harness);
  });

  it("a member that was down over a change of leader learns all it missed", () => {
    const cluster = clusterOf(harness, 5);
    cluster.decide("before", harness.patienceMs);
    const old = leaderOf(cluster, harness);
    cluster.kill(old);
    decideMany(cluster, harness, "missed", 50);
    cluster.restart(old);
    everybodyKnowsAll(cluster, harness);
    decideMany(cluster, harness, "after", 3);
  });

  it("catches up while messages are lost and repeated", () => {
    const cluster = clusterOf(harness, 3, 2);
    const leader = leaderOf(cluster, harness);
    const lagging = cluster.members.find((id) => id !== leader) as MemberId;
    cluster.kill(lagging);
    decideMany(cluster, harness, "missed", 30);
    cluster.faults = { loss: 0.2, duplication: 0.5, delayMsMax: harness.paceMs / 10, flushMsMax: 1 };
    cluster.restart(lagging);
    cluster.until(() => cluster.delivered(lagging) >= 30, 4 * harness.patienceMs, `${lagging} has caught up`);
  });
}

function refusing({ it, expect }: SuiteApi, { make }: ConsensusHarness): void {
  const membership = createMembership(NAMES.slice(0, 3));
  const fresh = (): ReturnType<ConsensusHarness["make"]> => {
    const core = make("a", []);
    core.step({ kind: "found", membership }, 0);
    core.step({ kind: "start", applied: 0, random: 0.5 }, 0);
    return core;
  };

  it("counts garbage as refused and changes nothing", () => {
    const core = fresh();
    const before = core.status;
    const chance = new Chance(3);
    for (let count = 1; count <= 500; count++) {
      const bytes = Uint8Array.from({ length: chance.below(60) }, () => chance.below(256));
      expect(core.step({ kind: "message", from: "b", bytes }, count).length).toBe(0);
      expect(core.status).toEqual({ ...before, refused: before.refused + count });
    }
  });

  it("refuses what a stranger sends, whatever it says", () => {
    const stranger = make("mallory", []);
    stranger.step({ kind: "found", membership: createMembership(["mallory"]) }, 0);
    const said = stranger
      .step({ kind: "start", applied: 0, random: 0 }, 0)
      .flatMap((output) => (output.kind === "send" ? [output.bytes] : []));
    const core = fresh();
    const { role, chosen, leader } = core.status;
    for (const bytes of said) core.step({ kind: "message", from: "mallory", bytes }, 1);
    expect([core.status.role, core.status.chosen, core.status.leader]).toEqual([role, chosen, leader]);
  });
}

function weathering({ it }: SuiteApi, harness: ConsensusHarness): void {
  for (const size of [1, 2, 3, 5])
    it(`${size} agree through storms and serve after them`, () => {
      for (let seed = 1; seed <= STORM_SEEDS; seed++) {
        const cluster = clusterOf(harness, size, 1000 * size + seed, CLOCK_RATE_ERROR_MAX);
        storm(cluster, { blows: 40, paceMs: harness.paceMs });
        calm(cluster, harness.patienceMs);
      }
    });
}
