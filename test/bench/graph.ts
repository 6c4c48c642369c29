import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Checkpoint, KeyChange } from "@halon/proto";
import { changesToStore, encodeChange } from "@halon/resource-graph";
import { Scratch } from "../log-group/scratch.ts";
import { type Bench, type BenchOptions, type Bound, judge, quantile, type Report, round } from "./bench.ts";
import { GraphGroup } from "./graph/group.ts";
import { CHANGE_EVENT, type ChangeEvent } from "./graph/messages.ts";
import { HEAP_FLAGS } from "./graph/probed.ts";
import { INSTANCES_PER_NODE, stateOf } from "./graph/state.ts";
import { startBroker } from "./halon.ts";

const NODES_DEFAULT = 100_000;
const NODES_QUICK = 2_000;
/** Of one checkpoint while the state is made. */
const FILL_BYTES = 400 * 1_024;
/** Checkpoints of the filling under way: stations apply one while the next is decided. */
const FILL_IN_FLIGHT = 4;
const SAID_EVERY = 50;
const UPDATES = 200;
const BULKS = 20;
const BULK_NODES = 1_000;
const QUERIES = 1_000_000;
const QUERIES_QUICK = 100_000;
/** The lease is renewed a few times, and nothing else happens. */
const IDLE_MS = 3_000;

const BOUNDS: readonly Bound[] = [
  { figure: "coordinator_anon_mib", atMost: 1_024 },
  { figure: "station_anon_mib", atMost: 512 },
  { figure: "reopen_s", atMost: 10 },
  { figure: "update_p50_ms", atMost: 5 },
  { figure: "bulk_1000_ms", atMost: 250 },
  { figure: "stall_max_ms", atMost: 50 },
  { figure: "query_us", atMost: 5 },
];

/** The graph of a large cluster, in stations and a coordinator that are processes of their own. */
export const graphBench: Bench = {
  about: `the graph of ${NODES_DEFAULT} nodes with ${INSTANCES_PER_NODE} instances each: memory, reopening, changes; --nodes, --dir`,
  async run({ nodes: asked, dir, isQuick, say }) {
    const nodes = asked ?? (isQuick ? NODES_QUICK : NODES_DEFAULT);
    const scratch = new Scratch();
    try {
      const { natsUrl } = await startBroker(scratch);
      const home = dir === undefined ? scratch.dir("stations") : resolve(dir);
      mkdirSync(home, { recursive: true });
      const isFilled = isFilledWith(home, nodes);
      const group = await GraphGroup.open(scratch, natsUrl, home);
      try {
        await group.start();
        if (!isFilled) await fill(group, { nodes, say });
        writeFileSync(join(home, FILLED_FILE), `${nodes}`);
        await group.kill();
        const figures = await measure(group, { nodes, queries: isQuick ? QUERIES_QUICK : QUERIES, say });
        for (const line of judge(BOUNDS, figures)) say(line);
        return { name: "graph", settings: settingsOf(nodes), figures };
      } finally {
        await group.kill();
        await group.close();
      }
    } finally {
      await scratch.end();
    }
  },
};

/** Of the cluster that the state in the directory is of; it is there when that is complete. */
const FILLED_FILE = "nodes";

/** Throws for a directory with something else in it. */
function isFilledWith(dir: string, nodes: number): boolean {
  const path = join(dir, FILLED_FILE);
  if (readdirSync(dir).length === 0) return false;
  const found = existsSync(path) ? readFileSync(path, "utf8") : "an unfinished number of";
  if (found !== `${nodes}`)
    throw new Error(`${dir} holds a state of ${found} nodes: remove it, or choose another directory`);
  return true;
}

interface Course {
  readonly nodes: number;
  readonly queries: number;
  readonly say: BenchOptions["say"];
}

async function measure(group: GraphGroup, course: Course): Promise<Report["figures"]> {
  const { nodes, queries, say } = course;
  const reopened = await reopen(group, say);
  const processes = [...group.stations, ...(group.coordinator === undefined ? [] : [group.coordinator])];
  const { coordinator } = group;
  if (coordinator === undefined) throw new Error("no coordinator");
  const [startStation, startCoordinator] = await Promise.all([
    Promise.all(group.stations.map((station) => station.vitals({ reset: true }))),
    coordinator.vitals({ reset: true }),
  ]);
  const change = changer(group, nodes);
  const updates = await several(UPDATES, () => change(1));
  say(`${UPDATES} changes of one node: ${quantile(updates, 0.5).toFixed(2)} ms p50`);
  const bulks = await several(BULKS, () => change(Math.min(BULK_NODES, nodes)));
  say(`${BULKS} changes of ${BULK_NODES} nodes: ${bulks.map((ms) => ms.toFixed(0)).join(" ")} ms`);
  await wait(IDLE_MS);
  // Those of the queries are their own; they are told apart.
  const stalls = await Promise.all(processes.map((each) => each.vitals({ reset: true })));
  const { meanUs } = await coordinator.queries(queries);
  const stationHeaps = await Promise.all(group.stations.map((station) => station.vitals({ collect: true })));
  const { heapMib } = await coordinator.vitals({ collect: true });
  return {
    coordinator_anon_mib: round(coordinator.anonMib),
    coordinator_heap_mib: round(heapMib),
    station_anon_mib: round(Math.max(...group.stations.map(({ anonMib }) => anonMib))),
    station_heap_mib: round(Math.max(...stationHeaps.map((each) => each.heapMib))),
    ...reopened,
    update_p50_ms: round(quantile(updates, 0.5)),
    update_p99_ms: round(quantile(updates, 0.99)),
    bulk_1000_ms: round(quantile(bulks, 1)),
    bulk_1000_p50_ms: round(quantile(bulks, 0.5)),
    stall_max_ms: round(Math.max(...stalls.map(({ stallMs }) => stallMs))),
    stall_coordinator_ms: round(stalls.at(-1)?.stallMs ?? Number.NaN),
    start_stall_station_ms: round(Math.max(...startStation.map(({ stallMs }) => stallMs))),
    start_stall_coordinator_ms: round(startCoordinator.stallMs),
    query_us: round(meanUs),
  };
}

/** Makes the state by checkpoints, as a coordinator would. */
async function fill(group: GraphGroup, { nodes, say }: Omit<Course, "queries">): Promise<void> {
  const epoch = await group.grant();
  const startMs = performance.now();
  const underWay = new Set<Promise<void>>();
  let number = 0;
  const send = async (changes: readonly KeyChange[]): Promise<void> => {
    const own = ++number;
    const value = { epoch, number: own, consumed: [], changes, decisions: [] };
    const sent = decide(group, value).then(() => void underWay.delete(sent));
    underWay.add(sent);
    if (own % SAID_EVERY === 0)
      say(`filling: ${own} checkpoints in ${((performance.now() - startMs) / 1_000).toFixed(0)} s`);
    if (underWay.size >= FILL_IN_FLIGHT) await Promise.race(underWay);
  };
  let changes: KeyChange[] = [];
  let bytes = 0;
  for (const change of stateOf(nodes)) {
    for (const { key, value = new Uint8Array() } of changesToStore([encodeChange(change)])) {
      changes.push({ key: `g/${key}`, value });
      bytes += key.length + value.length + KEY_CHANGE_BYTES;
    }
    if (bytes < FILL_BYTES) continue;
    await send(changes);
    changes = [];
    bytes = 0;
  }
  await send(changes);
  await Promise.all(underWay);
  say(`filled by ${number} checkpoints in ${((performance.now() - startMs) / 1_000).toFixed(0)} s`);
}

/** Sent again when one before it was held up: they are decided by their numbers. */
async function decide(group: GraphGroup, value: Checkpoint): Promise<void> {
  for (;;) {
    const result = await group.command({ kind: "checkpoint", value });
    const { epoch = 0, checkpoint = 0 } = (result.kind === "checkpoint" && result.value.lease) || {};
    if (epoch !== value.epoch)
      throw new Error(`checkpoint ${value.number} was refused: ${JSON.stringify(result).slice(0, 400)}`);
    // One that was sent twice is told that it comes too late.
    if (checkpoint >= value.number) return;
  }
}

/** What a change takes on the wire beside key and value. */
const KEY_CHANGE_BYTES = 10;

/** All stations at once, then a coordinator. */
async function reopen(group: GraphGroup, say: BenchOptions["say"]): Promise<Report["figures"]> {
  const startMs = performance.now();
  await group.start();
  const stationsS = (performance.now() - startMs) / 1_000;
  say(`stations: first linearizable answer after ${stationsS.toFixed(2)} s`);
  // Here they are on one machine with it, and would take the coordinator's time.
  await group.serving();
  const servingS = (performance.now() - startMs) / 1_000;
  const epoch = await group.grant();
  const coordinatorMs = performance.now();
  await group.startCoordinator(epoch);
  const coordinatorS = (performance.now() - coordinatorMs) / 1_000;
  const allS = (performance.now() - startMs) / 1_000;
  say(
    `coordinator: first checkpoint after ${coordinatorS.toFixed(2)} s, ${allS.toFixed(2)} s after the stations' start`,
  );
  return {
    reopen_s: round(Math.max(stationsS, coordinatorS)),
    reopen_stations_s: round(stationsS),
    reopen_stations_all_s: round(servingS),
    reopen_coordinator_s: round(coordinatorS),
    reopen_all_s: round(allS),
  };
}

/** Has the coordinator change so many nodes in one step; resolves with the milliseconds until that was decided. */
function changer(group: GraphGroup, nodes: number): (nodeCount: number) => Promise<number> {
  let number = 0;
  const incarnation = `${Math.floor(Math.random() * 2 ** 32)}`;
  return async (nodeCount) => {
    const own = ++number;
    const firstNode = (own * BULK_NODES) % Math.max(1, nodes - nodeCount);
    const decided = group.decided(own);
    const event = { number: own, firstNode, nodeCount } satisfies ChangeEvent;
    const id = { producer: "bench", incarnation, seq: own };
    const payload = Buffer.from(JSON.stringify(event));
    const events = [{ id, type: CHANGE_EVENT, payload, traceparent: "", lowest: own }];
    await group.command({ kind: "enqueue", value: { events } });
    return await decided;
  };
}

/** One after the other; ascending. */
async function several(count: number, act: () => Promise<number>): Promise<readonly number[]> {
  const all: number[] = [];
  while (all.length < count) all.push(await act());
  return all.sort((a, b) => a - b);
}

const settingsOf = (nodes: number): Report["settings"] => ({
  members: 3,
  nodes,
  vertices: `${nodes} nodes, ${nodes * INSTANCES_PER_NODE} instances, their services`,
  edges: "a node's place in the cluster, an instance's service and node, parameters of every tenth: two per vertex",
  heapFlags: HEAP_FLAGS,
  memory: "RssAnon after a full collection, of the largest station",
  reopen:
    "all stations killed and started together: to the first linearizable answer; when all serve, a coordinator started: to its first checkpoint",
  update: "from the change in a rule's step to its checkpoint decided and applied, one node",
  bulk: "the same for 1 000 nodes in one step, the slowest of 20",
  stall: "longest time that the event loop of a station or the coordinator did not turn, from the first checkpoint on",
});
