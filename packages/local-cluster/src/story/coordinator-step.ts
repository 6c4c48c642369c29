import type { LocalCluster } from "../local-cluster.ts";
import { LocalError } from "../local-error.ts";
import { perform } from "../verbs.ts";
import { notYet, until, yes } from "../waiting.ts";
import { STEP_MS_MAX, type Step } from "./step.ts";

const POLL_MS = 40;

/** Resolves with the newest lease once a later epoch than `epoch` has made its first checkpoint. */
async function untilActing(cluster: LocalCluster, epoch: number, signal: AbortSignal): Promise<string> {
  const lookAt = cluster.dir.logs;
  const options = {
    what: `a coordinator of a later epoch than ${epoch}`,
    deadlineMs: STEP_MS_MAX,
    lookAt,
    pollMs: POLL_MS,
  };
  return until({ ...options, signal }, async () => {
    const leases = await Promise.all(cluster.stations.map((station) => cluster.bus.asker.lease(station)));
    const next = leases.find((lease) => lease !== undefined && lease.epoch > epoch && lease.checkpoint > 0);
    if (next !== undefined) return yes(`epoch ${next.epoch} on ${next.holder}`);
    const newest = Math.max(0, ...leases.map((lease) => lease?.epoch ?? 0));
    return notYet(`the newest epoch is ${newest}`);
  });
}

/** kill -9 of the coordinator, until the new epoch's first checkpoint. */
export const coordinatorStep: Step = async ({ cluster, say, signal }) => {
  const { coordinator, lease } = await cluster.untilWell(signal);
  if (coordinator === undefined || lease === undefined) throw new LocalError("no coordinator is in office");
  const startMs = performance.now();
  await perform(cluster, "kill", { kind: "service", node: coordinator, service: "coordinator" });
  const next = await untilActing(cluster, lease.epoch, signal);
  const spanMs = performance.now() - startMs;
  say(`  ${next} acts`);
  return {
    name: "coordinator",
    deed: `kill -9 of the coordinator, epoch ${lease.epoch} on ${coordinator}`,
    measured: "to the new epoch's first checkpoint",
    spanMs,
    broken: [],
  };
};
