import type { PromulgateOutcome } from "@halon/event-queue";
import {
  type ClearResult,
  decodeStateCommand,
  encodeStateResult,
  type QueuedEvent,
  type QueueStatus,
  type StateCommand,
  type StationStatus,
} from "@halon/proto";
import { changesToStore, encodeChange, type GraphChange } from "@halon/resource-graph";
import { systemClock } from "@halon/runtime";
import {
  type ApiServer,
  Handlers,
  QueueHandlers,
  type StationsChange,
  type StationsChanged,
  type StationView,
  serveApi,
} from "@halon/station-replica/api";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";

const STATUS: StationStatus = {
  node: "station-2",
  clusterId: "00c0ffee",
  role: "follower",
  leader: "station-1",
  members: ["station-1", "station-2", "station-3"],
  chosen: 120,
  lease: { epoch: 3, holder: "station-3", checkpoint: 57 },
  eventsQueued: 1,
  counters: {},
};

const share = (name: string, events: number) => ({ name, events, bytes: events * 100, oldest: 0, oldestLogTimeMs: 0 });
const QUEUE: QueueStatus = {
  priorities: [share("urgent", 0), { ...share("normal", 2), oldest: 7, oldestLogTimeMs: 4_000 }, share("bulk", 0)],
  types: [share("disk-failed", 2)],
  moreTypes: false,
  last: 8,
  producers: 3,
  counters: { stored: 8, consumed: 6 },
};

/** The API of a real station, around a graph and a queue that the test holds in its hand. */
export class Station {
  status = STATUS;
  /** What becomes of events. `undefined`: nobody answers. */
  outcome: PromulgateOutcome | undefined = { kind: "stored" };
  /** The coordinator deals with what is applied. */
  isHandled = true;
  stations: readonly StationView[] = [];
  /** What was asked for, and what becomes of the next ones. */
  readonly changes: StationsChange[] = [];
  changeOutcomes: StationsChanged[] = [];
  readonly events: { readonly type: string; readonly payload: string }[] = [];
  readonly #store = openStoreMemory({
    disk: new MemoryStoreDisk(),
    clock: systemClock,
    flushMs: 0,
    identity: "test",
  });
  #server: ApiServer | undefined;
  /** State commands of the queue that were decided. */
  readonly commands: StateCommand[] = [];
  queueStatus: QueueStatus = QUEUE;
  waiting: readonly QueuedEvent[] = [];
  /** What the next `clearQueue` commands come to. */
  cleared: ClearResult[] = [];
  readonly queue = new QueueHandlers({
    ask: ({ body }, answer) =>
      answer({
        applied: 120,
        logTimeMs: 9_000,
        body:
          body?.kind === "queue"
            ? { kind: "queue", value: this.queueStatus }
            : { kind: "events", value: { events: this.waiting } },
      }),
    replicator: {
      update: (payload, _, done) => {
        this.commands.push(decodeStateCommand(payload));
        const value = this.cleared.shift() ?? { cleared: 0, next: 0 };
        done({ kind: "result", result: encodeStateResult({ kind: "clear", value }) });
        return () => undefined;
      },
    },
  });

  async start(): Promise<this> {
    const handlers = new Handlers({
      cluster: "halon",
      queue: this.queue,
      store: this.#store,
      ask: (_, answer) => answer({ applied: 120, logTimeMs: 0, body: { kind: "status", value: this.status } }),
      promulgate: (type, payload, _, done) => {
        this.events.push({ type, payload: new TextDecoder().decode(payload) });
        if (this.outcome !== undefined) done(this.outcome);
      },
      untilConsumed: () => Promise.resolve(this.isHandled),
      isServing: () => true,
      stations: () => this.stations,
      changeStations: (change) => {
        this.changes.push(change);
        return Promise.resolve(this.changeOutcomes.shift() ?? { outcome: "changed", message: "", members: ["a"] });
      },
    });
    const onBug = (error: unknown): never => {
      throw error;
    };
    this.#server = await serveApi(handlers, { address: "127.0.0.1:0", clock: systemClock, onBug });
    return this;
  }

  get address(): string {
    return `127.0.0.1:${this.#server?.port}`;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  change(changes: readonly GraphChange[]): void {
    const writes = changesToStore(changes.map(encodeChange));
    this.#store.write(
      writes.map(({ key, value }) =>
        value === undefined ? { kind: "delete", key: `g/${key}` } : { kind: "put", key: `g/${key}`, value },
      ),
    );
  }
}

/** A small cluster. */
export const CLUSTER: readonly GraphChange[] = [
  vertex("Node", "station-1", { kind: "station", state: "up", roles: ["station-replica", "monitor"] }),
  vertex("Node", "user-1", { kind: "user", state: "down", roles: [] }),
  vertex("Service", "db", { exclusive: true, instances: 1 }),
  vertex("Service", "idle", { exclusive: false, instances: 0 }),
  vertex("Service", "web", { exclusive: false, instances: 3 }),
  instance("db/0", { state: "running", port: 31_001 }),
  instance("web/0", { state: "running", port: 31_002, restarts: 2 }),
  instance("web/1", { state: "failed", reason: "exit code 1\u001b[2J" }),
  instance("web/2", { state: "pending" }),
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
