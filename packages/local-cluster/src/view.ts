import type { Lease } from "@halon/proto";
import type { GraphInstance, GraphPicture } from "./graph-view.ts";
import { compareIds } from "./graph-view.ts";
import type { PlannedNode } from "./node-plan.ts";
import type { MarkedProcess } from "./process-table.ts";
import type { StationAnswer } from "./station-asker.ts";

/** A process of a node. */
export interface ProcessView {
  readonly key: string;
  readonly pid: number;
  readonly isPaused: boolean;
}

export interface NodeView {
  readonly name: string;
  readonly kind: string;
  /** What the coordinator takes it for: `up`, `down`, or `new` while it has not been heard of. */
  readonly state: string;
  /** Killed by a person, and not started again before a person says so. */
  readonly isOff: boolean;
  /** Halon's own services, those that should run and do not included with pid 0. The agent comes first. */
  readonly services: readonly ProcessView[];
  /** Of a station: what it says of itself. */
  readonly station: { readonly role: string; readonly applied: number } | undefined;
}

export interface InstanceView extends GraphInstance {
  /** Its `/health` answered, and it is it. */
  readonly answers: boolean;
  /** Which process answered, 0 when unknown. */
  readonly answerPid: number;
}

/** The whole cluster at one moment, as seen from the launcher. */
export interface ClusterView {
  readonly nodes: readonly NodeView[];
  readonly instances: readonly InstanceView[];
  readonly leader: string | undefined;
  readonly lease: Lease | undefined;
  /** Where the coordinator of the present epoch has taken office and is neither gone nor paused. */
  readonly coordinator: string | undefined;
  readonly eventsQueued: number;
  readonly nats: NatsView;
}

export interface NatsView {
  readonly url: string;
  readonly isOurs: boolean;
  readonly pid: number;
  readonly isPaused: boolean;
  readonly isConnected: boolean;
}

/** All that a view is made of. */
export interface Sightings {
  readonly plan: readonly PlannedNode[];
  readonly offNodes: ReadonlySet<string>;
  readonly processes: readonly MarkedProcess[];
  readonly stations: ReadonlyMap<string, StationAnswer>;
  readonly graph: GraphPicture;
  /** Instances that answered, each with the pid that it named. */
  readonly answering: ReadonlyMap<string, number>;
  readonly nats: Pick<NatsView, "url" | "isOurs" | "isConnected">;
}

/** Puts together what was seen. */
export function viewOf(seen: Sightings): ClusterView {
  const { stations, processes } = seen;
  const answers = [...stations.values()];
  const newest = answers.reduce<StationAnswer | undefined>(
    (best, each) => (best === undefined || each.applied > best.applied ? each : best),
    undefined,
  );
  // A station that has just been deposed may still think that it leads; who leads has usually applied most.
  const leader = answers
    .filter(({ status }) => status.role === "leader")
    .reduce<StationAnswer | undefined>((best, each) => (best && best.applied >= each.applied ? best : each), undefined);
  const lease = newest?.status.lease;
  const holder = lease?.holder;
  const hasCoordinator = processes.some(
    ({ node, key, isPaused }) => node === holder && key === "coordinator" && !isPaused,
  );
  const broker = processes.find(({ key }) => key === "nats");
  return {
    nodes: seen.plan.map((planned) => nodeView(planned, seen)),
    instances: seen.graph.instances.map((each) => {
      const answerPid = seen.answering.get(each.id);
      return { ...each, answers: answerPid !== undefined, answerPid: answerPid ?? 0 };
    }),
    leader: leader?.status.node,
    lease,
    coordinator: hasCoordinator && (lease?.checkpoint ?? 0) > 0 ? holder : undefined,
    eventsQueued: newest?.status.eventsQueued ?? 0,
    nats: { ...seen.nats, pid: broker?.pid ?? 0, isPaused: broker?.isPaused ?? false },
  };
}

function nodeView(planned: PlannedNode, { graph, stations, processes, offNodes }: Sightings): NodeView {
  const { name, kind } = planned;
  const own = ["agent", ...planned.services];
  const alive = processes.filter(({ node, isGuard, group, pid }) => node === name && !isGuard && group === pid);
  const keys = [...own, ...(alive.some(({ key }) => key === "coordinator") ? ["coordinator"] : [])];
  const station = stations.get(name);
  return {
    name,
    kind,
    state: graph.nodes.find((node) => node.name === name)?.state || "new",
    isOff: offNodes.has(name),
    services: keys.map((key) => {
      const process = alive.find((each) => each.key === key);
      return { key, pid: process?.pid ?? 0, isPaused: process?.isPaused ?? false };
    }),
    station: station && { role: station.status.role, applied: station.applied },
  };
}

/** Why not everything that is wanted runs and answers, one sentence each; none when all is well. */
export function troubles(view: ClusterView): readonly string[] {
  const all: string[] = [];
  if (view.leader === undefined) all.push("the stations have no leader");
  if (view.coordinator === undefined) all.push("no coordinator is in office");
  for (const { name, state, isOff, services } of view.nodes) {
    if (isOff) continue;
    if (state !== "up") all.push(`${name} is ${state === "new" ? "not known to the coordinator yet" : state}`);
    for (const { key, pid } of services) if (pid === 0) all.push(`${name}.${key} does not run`);
  }
  const wanted = view.instances.filter(({ desired }) => desired === "running");
  if (wanted.length === 0) all.push("no services are declared yet");
  for (const { id, node, answers, state, reason } of [...wanted].sort((a, b) => compareIds(a.id, b.id)))
    if (!answers)
      all.push(`${id} does not answer (${state}${node ? ` on ${node}` : ""}${reason ? `: ${reason}` : ""})`);
  return all;
}
