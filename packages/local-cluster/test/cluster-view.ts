import type { GraphPicture } from "../src/graph-view.ts";
import { planNodes } from "../src/node-plan.ts";
import type { MarkedProcess } from "../src/process-table.ts";
import type { StationAnswer } from "../src/station-asker.ts";
import { type ClusterView, type Sightings, viewOf } from "../src/view.ts";

/** A small cluster in which all is well: one station, one satellite, two user nodes, `web` twice and an exclusive `ticker`. */
const PLAN = planNodes({ stations: 1, satellites: 1, users: 2 });

const instance = (id: string, node: string, port: number): GraphPicture["instances"][number] => ({
  id,
  service: id.split("/", 1)[0] ?? id,
  exclusive: id.startsWith("ticker"),
  node,
  generation: 1,
  desired: "running",
  state: "running",
  port,
  pid: port + 1,
  restarts: 0,
  reason: "",
});

const INSTANCES = [
  instance("ticker/0", "user-1", 30_000),
  instance("web/0", "user-1", 30_001),
  instance("web/1", "user-2", 30_002),
];

/** A process of that node that does what `key` says. */
export const processOf = (node: string, key: string, pid: number): MarkedProcess => ({
  pid,
  birth: `b${pid}`,
  group: pid,
  parent: 1,
  isPaused: false,
  node,
  key,
  isGuard: false,
  port: 0,
});

const PROCESSES: readonly MarkedProcess[] = [
  processOf("nats", "nats", 9),
  ...PLAN.flatMap(({ name, services }, at) =>
    ["agent", ...services].map((key, nth) => processOf(name, key, 100 * (at + 1) + nth)),
  ),
  processOf("station-1", "coordinator", 199),
];

/** What a station says that leads, or not. */
export const answerOf = (node: string, role: string, applied: number): StationAnswer => ({
  applied,
  logTimeMs: 0,
  status: {
    node,
    clusterId: "c",
    role,
    leader: "",
    members: [node],
    chosen: applied,
    lease: { epoch: 4, holder: "station-1", checkpoint: 7 },
    eventsQueued: 0,
    counters: {},
  },
});

/** Everything as it should be, or with what is given. */
function sightings(changed: Partial<Sightings> = {}): Sightings {
  return {
    plan: PLAN,
    offNodes: new Set(),
    processes: PROCESSES,
    stations: new Map([["station-1", answerOf("station-1", "leader", 42)]]),
    graph: {
      nodes: PLAN.map(({ name }) => ({ name, state: "up", isReady: true, monitors: [], accusations: 0 })),
      services: ["ticker", "web"],
      instances: INSTANCES,
    },
    answering: new Map(INSTANCES.map(({ id, pid }) => [id, pid])),
    nats: { url: "nats://127.0.0.1:14222", isOurs: true, isConnected: true },
    ...changed,
  };
}

export const viewWith = (changed: Partial<Sightings> = {}): ClusterView => viewOf(sightings(changed));
/** As {@link viewWith}, with other facts about one instance, and with it answering or not. */
export function viewWithInstance(
  id: string,
  facts: Partial<GraphPicture["instances"][number]>,
  answerPid: number,
): ClusterView {
  const instances = INSTANCES.map((each) => (each.id === id ? { ...each, ...facts } : each));
  const answering = new Map(instances.map((each) => [each.id, each.id === id ? answerPid : each.pid]));
  if (answerPid === 0) answering.delete(id);
  return viewWith({ graph: { ...sightings().graph, instances }, answering });
}
export { PROCESSES };
