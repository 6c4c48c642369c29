import type { LocalCluster } from "./local-cluster.ts";
import { LocalError } from "./local-error.ts";
import { type MarkedProcess, signalProcess } from "./process-table.ts";
import { killAll, waitGone } from "./sweep.ts";
import { type Target, targetText } from "./targets.ts";

/** What can be done to a target. */
export const VERBS = ["kill", "pause", "resume", "restart"] as const;
export type Verb = (typeof VERBS)[number];

/** What is to end in good order gets this long. */
const END_MS = 8_000;

const whichOf =
  (target: Target) =>
  (process: MarkedProcess): boolean => {
    switch (target.kind) {
      case "node":
        return process.node === target.node;
      case "service":
        return process.node === target.node && process.key === target.service;
      case "instance":
        // Not its guard: that is to see what its program does.
        return process.node === target.node && process.key === target.id && !process.isGuard;
      case "nats":
        return process.key === "nats";
      default:
        return target satisfies never;
    }
  };

/** Does it, and returns what was done in one sentence. Throws {@link LocalError} when there is nothing to do it to. */
export async function perform(cluster: LocalCluster, verb: Verb, target: Target): Promise<string> {
  switch (verb) {
    case "kill":
      return kill(cluster, target);
    case "pause":
      return signalAll(cluster, target, "SIGSTOP", "paused", "it goes on with `resume`");
    case "resume":
      return signalAll(cluster, target, "SIGCONT", "resumed", "");
    case "restart":
      return restart(cluster, target);
    default:
      return verb satisfies never;
  }
}

/** SIGKILL. A node and the broker stay off; what an agent or this launcher keeps running comes back by itself. */
async function kill(cluster: LocalCluster, target: Target): Promise<string> {
  if (target.kind === "nats") cluster.broker.signal("SIGKILL", true);
  if (target.kind === "node") cluster.nodes.switchOff(target.node);
  const count = await killAll(cluster.table, whichOf(target));
  if (count === 0 && target.kind !== "nats") throw new LocalError(`nothing of ${targetText(target)} runs`);
  const isKeptOff = target.kind === "node" || target.kind === "nats";
  const what = `killed ${targetText(target)} (${count} process${count === 1 ? "" : "es"})`;
  return isKeptOff ? `${what}: it stays off until \`restart ${targetText(target)}\`` : what;
}

function signalAll(cluster: LocalCluster, target: Target, signal: NodeJS.Signals, done: string, hint: string): string {
  if (target.kind === "nats") {
    if (!cluster.broker.signal(signal, false)) throw new LocalError("nats does not run: start it with `restart nats`");
    return `${done} nats`;
  }
  const present = cluster.table.scan().filter(whichOf(target));
  if (present.length === 0) throw new LocalError(`nothing of ${targetText(target)} runs`);
  for (const each of present) signalProcess(each, signal);
  const what = `${done} ${targetText(target)} (${present.length} process${present.length === 1 ? "" : "es"})`;
  return hint === "" ? what : `${what}: ${hint}`;
}

/** Ends what runs of it in good order and lets it be started again; starts what was killed. */
async function restart(cluster: LocalCluster, target: Target): Promise<string> {
  if (target.kind === "nats") return restartBroker(cluster);
  if (target.kind === "node") {
    cluster.nodes.switchOff(target.node);
    await endInOrder(cluster, target);
    cluster.nodes.switchOn(target.node);
    return `${target.node} starts`;
  }
  const present = cluster.table.scan().filter((each) => whichOf(target)(each) && each.group === each.pid);
  if (present.length === 0)
    throw new LocalError(`nothing of ${targetText(target)} runs: whoever keeps it running starts it`);
  for (const each of present) {
    signalProcess(each, "SIGTERM");
    signalProcess(each, "SIGCONT");
  }
  const isCoordinator = target.kind === "service" && target.service === "coordinator";
  return isCoordinator ? `${targetText(target)} ends: another is elected` : `${targetText(target)} restarts`;
}

async function restartBroker(cluster: LocalCluster): Promise<string> {
  // Refused for a broker that is not ours.
  cluster.broker.signal("SIGCONT", true);
  await endInOrder(cluster, { kind: "nats" });
  await cluster.broker.start();
  return "nats answers again";
}

/** An agent ends what its node runs; what is left after a while is killed. */
async function endInOrder(cluster: LocalCluster, target: Target): Promise<void> {
  const which = whichOf(target);
  for (const each of cluster.table.scan().filter(which)) {
    if (each.key === "agent" || each.key === "nats") signalProcess(each, "SIGTERM");
    if (each.isPaused) signalProcess(each, "SIGCONT");
  }
  const hasKeeper = cluster.table.scan().some((each) => which(each) && (each.key === "agent" || each.key === "nats"));
  if (hasKeeper) await waitGone(cluster.table, which, END_MS);
  await killAll(cluster.table, which);
}
