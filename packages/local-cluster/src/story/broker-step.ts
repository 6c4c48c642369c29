import { setTimeout as wait } from "node:timers/promises";
import { askHealth } from "../health-poll.ts";
import type { LocalCluster } from "../local-cluster.ts";
import { perform } from "../verbs.ts";
import type { ClusterView, InstanceView } from "../view.ts";
import { submitMarker, untilConsumed } from "./marker-event.ts";
import type { Step } from "./step.ts";
import { tickFaults } from "./ticks.ts";

/** Longer than a lease, a monitor's patience and the bound of exclusive services: all that could go wrong has time to. */
const OUTAGE_MS = 6_000;
const LOOK_MS = 200;

/** Decisions that take a node for lost. */
const isAccusation = (text: string): boolean => /node is down|accused/.test(text);

async function countAccusations(cluster: LocalCluster): Promise<number> {
  const all = await Promise.all(cluster.stations.map((station) => cluster.bus.asker.decisions(station)));
  return Math.max(0, ...all.map((decisions) => decisions?.filter(({ text }) => isAccusation(text)).length ?? 0));
}

/** Instances that did not answer all through the outage. */
async function watchOutage(instances: readonly InstanceView[], signal: AbortSignal): Promise<ReadonlySet<string>> {
  const silent = new Set<string>();
  const endMs = performance.now() + OUTAGE_MS;
  while (performance.now() < endMs) {
    await Promise.all(
      instances.map(async ({ id, port, answerPid }) => {
        if ((await askHealth(port))?.pid !== answerPid) silent.add(id);
      }),
    );
    await wait(LOOK_MS, undefined, { signal });
  }
  return silent;
}

/** What differs after an outage that nobody should have noticed. */
function restarted(before: readonly InstanceView[], after: ClusterView): readonly string[] {
  return before.flatMap(({ id, answerPid, generation, node }) => {
    const now = after.instances.find((each) => each.id === id);
    const isSame = now?.answerPid === answerPid && now.generation === generation && now.node === node;
    return isSame
      ? []
      : [`${id} was restarted (generation ${generation} on ${node}, then ${now?.generation} on ${now?.node})`];
  });
}

/** Stop and restart of nats-server, from its answering again until an event is consumed. */
export const brokerStep: Step = async ({ cluster, say, signal }) => {
  const before = await cluster.untilWell(signal);
  const accusations = await countAccusations(cluster);
  // An exclusive instance stops by itself when its right lapses, which it does in so long an outage.
  const ordinary = before.instances.filter(({ exclusive }) => !exclusive);
  await perform(cluster, "kill", { kind: "nats" });
  const silent = await watchOutage(ordinary, signal);
  await cluster.broker.start();
  const startMs = performance.now();
  await untilConsumed(cluster, submitMarker(cluster), signal);
  const spanMs = performance.now() - startMs;
  say(
    `  nats-server was away for ${OUTAGE_MS / 1_000} s; ${ordinary.length - silent.size} of ${ordinary.length} instances answered all the time`,
  );
  const after = await cluster.untilWell(signal);
  const accused = (await countAccusations(cluster)) - accusations;
  return {
    name: "broker",
    deed: `stop of nats-server for ${OUTAGE_MS / 1_000} s, and restart`,
    measured: "from its answering again to an event consumed",
    spanMs,
    broken: [
      ...[...silent].map((id) => `${id} did not answer while nats-server was away`),
      ...(accused > 0 ? [`nodes were accused ${accused} times`] : []),
      ...restarted(ordinary, after),
      ...tickFaults(cluster.dir.ticks),
    ],
  };
};
