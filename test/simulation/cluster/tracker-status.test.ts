import { type Instance, World } from "@halon/simulation";
import { expect, it } from "vitest";
import { Cluster } from "./cluster.ts";
import { CLUSTER_DEFAULTS } from "./cluster-model.ts";

type Status = Readonly<Record<string, unknown>>;
const SERVICES = ["coordinator", "monitor", "node-agent", "recovery-supervisor", "transponder"];

it("every process that has a tracker tells in its status whom it knows", () => {
  const world = new World({ seed: 3, replay: "test/simulation/cluster/tracker-status.test.ts, seed 3" });
  const cluster = new Cluster(world, CLUSTER_DEFAULTS);
  cluster.isSubmitting = false;
  const statuses = (): readonly (readonly [name: string, status: Status])[] =>
    [...cluster.services, ...cluster.acting].map(({ name, instance }) => {
      const { status } = instance as Instance & { readonly status: () => Status };
      return [name, status.call(instance)];
    });
  const knows = ([, status]: readonly [string, Status]): boolean =>
    (status["tracker"] as Status | undefined)?.["leader"] !== "";
  world.until(() => cluster.acting.length === 1 && statuses().every(knows), 30_000, "all know the leader");
  world.runFor(10_000);
  const leader = cluster.leader?.machine.name;
  const heard = { heardMsAgo: expect.any(Number), unanswered: 0 };
  for (const [name, { tracker }] of statuses())
    expect([name, tracker]).toEqual([
      name,
      expect.objectContaining({ ...heard, stations: cluster.stationNames, leader, transponders: expect.any(Number) }),
    ]);
  const told = new Set(statuses().map(([name]) => SERVICES.find((service) => name.includes(service))));
  expect(told).toEqual(new Set(SERVICES));
});
