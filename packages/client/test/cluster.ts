import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, eventsAfter } from "@halon/event-queue";
import { MemoryDisk, openJournalMemory } from "@halon/journal-memory";
import { decodeStateResult, encodeStateCommand, Post, type StateCommand, type StateResult } from "@halon/proto";
import type { LogReplicator } from "@halon/replicator";
import { changesToStore, encodeChange, Graph, type GraphDraft, type Schema } from "@halon/resource-graph";
import { type Random, type Store, VirtualClock } from "@halon/runtime";
import { createStation, foundingIdentity, type Station } from "@halon/station-replica";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import { MemoryBus } from "@halon/transport-memory";
import { clusterSchema, HalonClient } from "../src/index.ts";

const NODES = ["a", "b", "c"];
const LONG_MS = 120_000;
const STEP_MS = 5;

/** xorshift32: the same run every time. */
function seeded(seed: number): Random {
  let state = seed | 1;
  return {
    u32: () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    },
  };
}

interface Life {
  readonly station: Station;
  readonly store: Store;
}

/** Three stations in virtual time, a coordinator that changes the graph, and clients. */
export class TestCluster {
  readonly clock = new VirtualClock(1_000);
  readonly random = seeded(7);
  readonly bus = new MemoryBus({ clock: this.clock, random: this.random });
  readonly #disks = new Map(NODES.map((node) => [node, { journal: new MemoryDisk(), store: new MemoryStoreDisk() }]));
  readonly #founded = new Set<string>();
  readonly #lives = new Map<string, Life>();
  readonly #replicator: LogReplicator;
  #graph: Graph;
  #checkpoint = 0;
  #clients = 0;

  constructor(schema: Schema = clusterSchema) {
    this.#graph = Graph.empty(schema);
    for (const node of NODES) this.start(node);
    const ports = { clock: this.clock, random: this.random, post: this.#post("test.coordinator") };
    this.#replicator = createStationReplicator({ ...ports, tracker: new EqTracker(ports) });
  }

  client(name = `user-${++this.#clients}.test`): HalonClient {
    const { clock, random } = this;
    return new HalonClient({ cluster: "c", name }, { clock, random, transport: this.bus.open(name) });
  }

  start(node: string): void {
    const { clock, random } = this;
    const disks = this.#disks.get(node);
    if (disks === undefined) throw new Error(`no node ${node}`);
    const mode = this.#founded.has(node) ? "existing" : "create";
    this.#founded.add(node);
    const journal = openJournalMemory({ disk: disks.journal, clock, flushMs: 1, mode, identity: node });
    const store = openStoreMemory({ disk: disks.store, clock, flushMs: 1, identity: node });
    const post = this.#post(`${node}.station-replica`);
    const identity = foundingIdentity({ cluster: "c", clusterId: "id" }, node, NODES);
    this.#lives.set(node, { store, station: createStation(identity, { clock, random, post, journal, store }) });
  }

  /** Dies without a word. */
  async kill(node: string): Promise<void> {
    const life = this.#lives.get(node);
    if (life === undefined) throw new Error(`${node} does not run`);
    this.#lives.delete(node);
    this.bus.kill(`${node}.station-replica`);
    life.station.stop();
    const disks = this.#disks.get(node);
    disks?.journal.crash();
    disks?.store.crash();
  }

  get leader(): string {
    const leader = [...this.#lives.values()].map(({ station }) => station.leader).find((each) => each !== undefined);
    return leader ?? "";
  }

  isUp(node: string): boolean {
    return this.#lives.has(node);
  }

  /** Where watchers wait. */
  get watched(): readonly string[] {
    return [...this.#lives].flatMap(([node, { station }]) => {
      const { watchers } = station.status()["watch"] as { readonly watchers: number };
      return watchers > 0 ? [node] : [];
    });
  }

  /** Lets time pass, and promises go on, until the condition holds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    for (const untilMs = this.clock.nowMs() + LONG_MS; ; this.clock.runUntil(this.clock.nowMs() + STEP_MS)) {
      await new Promise((resolve) => setImmediate(resolve));
      if (condition()) return;
      if (this.clock.nowMs() > untilMs) throw new Error(`not within ${LONG_MS} ms: ${what}`);
    }
  }

  async pass(spanMs: number): Promise<void> {
    const untilMs = this.clock.nowMs() + spanMs;
    await this.until(() => this.clock.nowMs() >= untilMs, "time passes");
  }

  /** Lets time pass until the promise is settled. */
  async settle<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    promise.then(mark, mark);
    await this.until(() => isSettled, "a promise is settled");
    return await promise;
  }

  async command(command: StateCommand): Promise<StateResult> {
    let result: StateResult | undefined;
    this.#replicator.update(encodeStateCommand(command), { idempotent: true }, (outcome) => {
      if (outcome.kind !== "result") throw new Error(outcome.kind);
      result = decodeStateResult(outcome.result);
    });
    await this.until(() => result !== undefined, "a command is decided");
    return result as StateResult;
  }

  /** A coordinator's checkpoint that changes the graph; the first one takes the lease. */
  async change(work: (draft: GraphDraft) => void): Promise<void> {
    if (this.#checkpoint === 0)
      await this.command({ kind: "grantLease", value: { epoch: 0, checkpoint: 0, holder: "test" } });
    const { graph, changes } = this.#graph.change(work);
    this.#graph = graph;
    const writes = changesToStore(changes.map(encodeChange)).map(({ key, value }) => ({
      key: `g/${key}`,
      ...(value !== undefined && { value }),
    }));
    const number = ++this.#checkpoint;
    const value = { epoch: 1, number, consumed: [], changes: writes, decisions: [] };
    const result = await this.command({ kind: "checkpoint", value });
    if (result.kind !== "checkpoint" || !result.value.applied) throw new Error(`refused: ${JSON.stringify(result)}`);
  }

  get graph(): Graph {
    return this.#graph;
  }

  /** Types and payloads of the events that a station holds. */
  eventsAt(node: string): readonly string[] {
    const { store } = this.#lives.get(node) ?? {};
    if (store === undefined) throw new Error(`${node} does not run`);
    return eventsAfter(store, 0, 1_000).map(({ event }) => `${event?.type} ${Buffer.from(event?.payload ?? [])}`);
  }

  #post(sender: string): Post {
    return new Post(this.bus.open(sender), this.random, { cluster: "c", sender });
  }
}

/** The graph's entries, for comparing. */
export const entriesOf = (graph: Graph | undefined): readonly string[] =>
  [...(graph?.entries() ?? [])].map((entry) => JSON.stringify(entry));
