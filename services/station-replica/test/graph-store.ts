import { type Changed, changesToStore, encodeChange, type GraphChange } from "@halon/resource-graph";
import { type Store, VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";

/** A station's store with nothing applied. */
export function emptyStore(): Store {
  const disk = new MemoryStoreDisk();
  return openStoreMemory({ disk, clock: new VirtualClock(), flushMs: 0, identity: "test" });
}

/** A station's store in which a coordinator has made these changes to the graph. */
export function storeOf(changes: Changed<unknown>["changes"]): Store {
  const store = emptyStore();
  const writes = changesToStore(changes.map(encodeChange));
  store.write(
    writes.map(({ key, value }) =>
      value === undefined ? { kind: "delete", key: `g/${key}` } : { kind: "put", key: `g/${key}`, value },
    ),
  );
  return store;
}

/** A small cluster: two nodes, an exclusive service, one with three instances of which one has no node, one with none. */
export const CLUSTER: readonly GraphChange[] = [
  vertex("Cluster", "cluster", { generationLast: 9 }),
  vertex("Node", "station-1", { kind: "station", state: "up", roles: ["station-replica", "monitor"] }),
  vertex("Node", "user-1", { kind: "user", state: "down", roles: ["node-agent"] }),
  vertex("Service", "db", { command: ["db"], exclusive: true, instances: 1 }),
  vertex("Service", "idle", { command: ["idle"], exclusive: false, instances: 0 }),
  vertex("Service", "web", { command: ["web"], exclusive: false, instances: 3 }),
  instance("db/0", { state: "running", port: 31_001, generation: 4 }),
  instance("web/0", { state: "running", port: 31_002, generation: 5, restarts: 2 }),
  instance("web/1", { state: "failed", generation: 6, reason: "exit code 1" }),
  instance("web/2", { state: "pending", generation: 7 }),
  edge("Cluster.has.Node", "cluster", "station-1"),
  edge("Cluster.has.Node", "cluster", "user-1"),
  edge("Service.has.Instance", "db", "db/0"),
  ...["web/0", "web/1", "web/2"].map((id) => edge("Service.has.Instance", "web", id)),
  edge("Instance.runsOn.Node", "db/0", "user-1"),
  edge("Instance.runsOn.Node", "web/0", "user-1"),
  edge("Instance.runsOn.Node", "web/1", "station-1"),
];

function vertex(type: string, id: string, value: Readonly<Record<string, string | number | boolean | string[]>>) {
  return { kind: "putVertex", type, id, value } as const satisfies GraphChange;
}
function instance(id: string, value: Readonly<Record<string, string | number>>) {
  return vertex("Instance", id, { port: 0, restarts: 0, reason: "", ...value });
}
function edge(relation: string, from: string, to: string) {
  return { kind: "putEdge", relation, from, to } as const satisfies GraphChange;
}
