import { ExclusiveRight } from "@halon/node-agent";
import { SimulationFailure, simulate, World } from "@halon/simulation";
import { describe, expect, it } from "vitest";
import { Cluster } from "./cluster.ts";
import { CLUSTER_DEFAULTS, clusterModel } from "./cluster-model.ts";

const replay = (seed: number): string => `npm run sim -- --model cluster --seed ${seed}`;
const SINGLE = "single/0";
const SLOW = { loss: 0, duplication: 0, delayMsMin: 900, delayMsMax: 1_500 };

/** A cluster in which all that is wanted runs. */
function running(seed: number, options: Partial<typeof CLUSTER_DEFAULTS> = {}): Cluster {
  const world = new World({ seed, replay: `test/simulation/cluster/cluster.test.ts, seed ${seed}` });
  const cluster = new Cluster(world, { ...CLUSTER_DEFAULTS, ...options });
  world.until(() => cluster.runs.count().size === 6, 30_000, "all services run");
  return cluster;
}

/**
 * Again and again the node with the exclusive instance is cut off. Before that, acknowledgements take their time on the
 * way to it.
 */
function cutOffAndHeal(cluster: Cluster, tries: number): void {
  const { world } = cluster;
  for (let count = 0; count < tries; count++) {
    world.until(() => cluster.runs.of(SINGLE).length > 0, 60_000, "the exclusive instance runs");
    const node = cluster.runs.of(SINGLE)[0]?.machine ?? "";
    const others = [...cluster.hosts.keys(), "client"].filter((other) => other !== node);
    const calms = others.map((from) => world.network.setWeather(SLOW, { from, to: node }));
    world.runFor(5_000);
    const heal = world.network.partition([node], others);
    const isElsewhere = (): boolean => cluster.runs.of(SINGLE).some(({ machine }) => machine !== node);
    world.until(isElsewhere, 60_000, `the exclusive instance has left ${node}`);
    for (const end of [heal, ...calms]) end();
    world.runFor(5_000);
  }
}

/** Counts from when the acknowledgement came, as if the way back took no time. */
class ReceiptRight extends ExclusiveRight {
  protected override deadlineMs(_sentAtMs: number, answeredAtMs: number): number {
    return super.deadlineMs(answeredAtMs, answeredAtMs);
  }
}

/** The failure that one of several runs ends in. */
function failureOf(runs: readonly (() => void)[]): SimulationFailure | undefined {
  for (const run of runs)
    try {
      run();
    } catch (error) {
      if (error instanceof SimulationFailure) return error;
      throw error;
    }
  return undefined;
}

const seeds = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at + 1);

describe("the whole cluster in virtual time", { timeout: 120_000 }, () => {
  it("gives the same run for the same seed", () => {
    const [one, other] = [1, 2].map(() => simulate(clusterModel(), { seed: 7, replay: replay(7) }));
    expect(other).toEqual(one);
    expect(one?.virtualMs).toBeGreaterThanOrEqual(60_000);
    expect(one?.operations).toBeGreaterThanOrEqual(200);
    const struck = Object.values(one?.faults ?? {}).reduce((sum, count) => sum + count, 0);
    expect(struck).toBeGreaterThanOrEqual(10);
  });

  it.each(seeds(4))("keeps G1 to G4 in a storm, and is whole again after it (seed %i)", (seed) => {
    simulate(clusterModel(), { seed, replay: replay(seed) });
  });

  it("G4: an exclusive instance never runs twice, however often its node is cut off", () => {
    for (const seed of seeds(3)) cutOffAndHeal(running(seed), 4);
  });

  it("catches an agent that counts its right from the receipt of the acknowledgement", () => {
    const failure = failureOf(
      seeds(6).map((seed) => () => cutOffAndHeal(running(seed, { right: () => new ReceiptRight() }), 4)),
    );
    expect(failure?.broken).toBe("one-instance");
  });
});
