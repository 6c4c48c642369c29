import { everyFault, type FaultKind, type Model, type ModelRun } from "@halon/simulation";
import { Cluster, type ClusterOptions } from "./cluster.ts";

const command = ["program"];
const SPEC = {
  services: {
    web: { command, instances: 3 },
    single: { command, exclusive: true },
    worker: { command, each: [{ env: { QUEUE: "a" } }, { env: { QUEUE: "b" } }] },
  },
};
const WANTED: readonly string[] = ["web/0", "web/1", "web/2", "single/0", "worker/0", "worker/1"];

/** Looking at all there is costs more than a step. */
const LOOK_EVERY_MS = 100;

export const CLUSTER_DEFAULTS: ClusterOptions = { stations: 3, satellites: 2, users: 3, spec: SPEC };

/** A process of some service dies by itself. */
const instanceCrash = (cluster: Cluster): FaultKind => ({
  name: "instance",
  strike(world, chance) {
    const host = chance.pick([...cluster.hosts.values()].filter(({ instances }) => instances.length > 0));
    const key = host && chance.pick(host.instances);
    if (host === undefined || key === undefined) return undefined;
    world.note(`${key} crashes`);
    host.crash(key, "crashed");
    return () => undefined;
  },
});

/** A node hears nobody, and nobody hears it. */
const completeCut = (cluster: Cluster): FaultKind => ({
  name: "complete-cut",
  strike(world, chance) {
    const node = chance.pick([...cluster.hosts.keys()]);
    if (node === undefined) return undefined;
    world.note(`cut off ${node}`);
    return world.network.partition(
      [node],
      [...cluster.hosts.keys(), "client"].filter((other) => other !== node),
    );
  },
});

/** The whole cluster under crashes of everything, cuts, loss, duplication, delay, pauses and outages of the broker. */
export const clusterModel = (options: Partial<ClusterOptions> = {}): Model => ({
  name: "cluster",
  build(world): ModelRun {
    const cluster = new Cluster(world, { ...CLUSTER_DEFAULTS, ...options });
    const machines = [...cluster.hosts.keys()];
    let lookAtMs = 0;
    const targets = {
      get processes() {
        return cluster.processes;
      },
      machines,
    };
    const lacking = (): readonly string[] => {
      const counts = cluster.runs.count();
      const wrong = WANTED.filter((instance) => counts.get(instance) !== 1).map(
        (instance) => `${instance} × ${counts.get(instance) ?? 0}`,
      );
      return [
        ...(cluster.leader === undefined ? ["no leader"] : []),
        ...(cluster.acting.length === 1 ? [] : [`${cluster.acting.length} coordinators`]),
        ...((cluster.client.instance?.waiting ?? 1) > 0 ? [`${cluster.client.instance?.waiting} events wait`] : []),
        ...cluster.events.complaints(cluster.decided()).slice(0, 3),
        ...(counts.size > WANTED.length ? ["more runs than is wanted"] : []),
        ...wrong,
      ];
    };
    return {
      columns: [...machines, "client"],
      faults: [...everyFault(targets), instanceCrash(cluster), completeCut(cluster)],
      faultEveryMs: 3_000,
      faultLastsMsMax: 8_000,
      safetyMs: 60_000,
      livenessMs: 60_000,
      calm() {
        cluster.isSubmitting = false;
      },
      isConverged() {
        if (world.nowMs < lookAtMs) return false;
        lookAtMs = world.nowMs + LOOK_EVERY_MS;
        return lacking().length === 0;
      },
      lacking: () => lacking().join(", "),
      get operations() {
        return cluster.events.submitted;
      },
    };
  },
});
