import { type Coordinator, createCoordinator } from "@halon/coordinator";
import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, Producer, type PromulgateOptions } from "@halon/event-queue";
import {
  decodeDecision,
  decodeStateResult,
  type EventPayload,
  encodeEventPayload,
  encodeStateCommand,
  Post,
  type StateCommand,
  type StateResult,
  subjectsOf,
} from "@halon/proto";
import { createSupervisor, SUPERVISOR_DEFAULTS } from "@halon/recovery-supervisor";
import { counter, eventType } from "@halon/rules";
import type { Cancel, Store } from "@halon/runtime";
import { type Instance, type ProcessPorts, type SimulatedProcess, World } from "@halon/simulation";
import { createStation, formatIdentity, foundingIdentity } from "@halon/station-replica";

const CLUSTER = "sim";
const NAMES: Readonly<Record<EventPayload["kind"], string>> = {
  nodeUp: "node-up",
  instanceChanged: "instance-changed",
  nodeUnreachable: "node-unreachable",
  clusterSpec: "cluster-spec",
  sessionBegun: "session-begun",
  monitorUp: "monitor-up",
};

interface StationLife extends Instance {
  readonly store: Store;
}

interface ClientLife extends Instance {
  readonly producer: Producer;
  submit(payload: EventPayload): void;
  /** Gives a command to the replicated state, until it is decided. */
  command(command: StateCommand, done: (result: StateResult) => void): void;
}

/** Counted by each coordinator under the text that it carries: once, if all is right. */
const WITNESSED = "witnessed";
const witnesses = counter("witness", {
  on: eventType(WITNESSED, (payload) => new TextDecoder().decode(payload)),
  label: (text) => text,
});

/** Something that a coordinator did, or was told. */
export interface Act {
  readonly atMs: number;
  readonly epoch: number;
  readonly what: string;
}

/**
 * Stations and supervisors, and coordinators that they elect. A small stand-in for the agents starts coordinators, and
 * lets commands go unanswered, so that there is always something that a coordinator wants to send.
 */
export class Reigns {
  readonly world: World;
  readonly names: readonly string[];
  readonly acts: Act[] = [];
  readonly commands: Act[] = [];
  readonly #coordinators = new Map<number, SimulatedProcess<Coordinator>>();
  readonly #client: SimulatedProcess<ClientLife>;

  constructor(seed: number, stations: number) {
    this.world = new World({ seed, replay: "npx vitest run --project unit test/simulation/coordinator" });
    const { world } = this;
    this.names = Array.from({ length: stations }, (_, at) => `station-${at + 1}`);
    for (const [at, name] of this.names.entries()) world.machine(name, { clockRate: [1, 1.05, 0.95][at % 3] ?? 1 });
    for (const name of this.names) {
      world.spawn(name, "station-replica", (ports) => this.#station(ports));
      world.spawn(name, "recovery-supervisor", (ports) => {
        const { clock, random } = ports;
        const config = { node: name, stations: this.names, ...SUPERVISOR_DEFAULTS };
        const onNotice = (text: string, facts: object): void => ports.trace(`${text} ${JSON.stringify(facts)}`);
        return createSupervisor(config, { clock, random, post: this.#post(ports, "recovery-supervisor"), onNotice });
      });
      world.spawn(name, "node-agent", (ports) => this.#agent(ports));
    }
    this.#client = world.spawn("client", "app", (ports) => this.#submitter(ports));
  }

  /** The newest coordinator that has begun to act. */
  get present(): { readonly epoch: number; readonly process: SimulatedProcess<Coordinator>; readonly sinceMs: number } {
    const begun = this.acts.findLast(({ what }) => what === "acting");
    const process = begun && this.#coordinators.get(begun.epoch);
    if (begun === undefined || process === undefined) throw this.world.failure("liveness", "no coordinator has acted");
    return { epoch: begun.epoch, process, sinceMs: begun.atMs };
  }

  get isActing(): boolean {
    return this.acting.length > 0;
  }

  /** Coordinators that can act, in their own eyes. */
  get acting(): readonly SimulatedProcess<Coordinator>[] {
    return [...this.#coordinators.values()].filter(
      ({ state, instance }) => state === "running" && instance?.status()["acting"] === true,
    );
  }

  submit(payload: EventPayload): void {
    this.#client.instance?.submit(payload);
  }

  get client(): ClientLife {
    const { instance } = this.#client;
    if (instance === undefined) throw this.world.failure("the client", "it is down");
    return instance;
  }

  /** Submits an event that is counted; `done` with how it ended. */
  witness(text: string, done: (kind: string) => void = () => undefined, options: PromulgateOptions = {}): void {
    this.client.producer.promulgate(WITNESSED, new TextEncoder().encode(text), options, ({ kind }) => done(kind));
  }

  /** How often each was counted, by what is decided. */
  get witnessed(): ReadonlyMap<string, number> {
    const entry = this.stored("i").find(([key]) => key === "i/~counts/witness");
    return new Map(entry === undefined ? [] : (JSON.parse(new TextDecoder().decode(entry[1])) as [string, number][]));
  }

  /** Until a coordinator acts whose epoch is above `epoch`. */
  untilActing(epoch: number, withinMs: number): void {
    const isIt = (act: Act): boolean => act.what === "acting" && act.epoch > epoch;
    this.world.until(() => this.acts.some(isIt), withinMs, `a coordinator of an epoch above ${epoch} acts`);
  }

  /** What is stored at the first station that is up, under a prefix. */
  stored(prefix: string): readonly (readonly [string, Uint8Array])[] {
    const life = this.world.processes.flatMap(({ instance }) => (isStation(instance) ? [instance] : []))[0];
    return [...(life?.store.range({ from: `${prefix}/`, to: `${prefix}0` }) ?? [])];
  }

  get decisions(): readonly string[] {
    return this.stored("d").map(([, bytes]) => decodeDecision(bytes).text);
  }

  /** No command of an epoch is sent once a later one has begun to act. */
  assertOneActed(): void {
    for (const { epoch, atMs } of this.commands) {
      const later = this.acts.find((act) => act.what === "acting" && act.epoch > epoch && act.atMs < atMs - LATENCY_MS);
      if (later !== undefined)
        throw this.world.failure(
          "G3",
          `a command of epoch ${epoch} at ${atMs}: ${later.epoch} acts since ${later.atMs}`,
        );
    }
  }

  #post(ports: ProcessPorts, service: string): Post {
    return new Post(ports.transport, ports.random, { cluster: CLUSTER, sender: `${ports.machine}.${service}` });
  }

  #station(ports: ProcessPorts): StationLife {
    const identity = foundingIdentity({ cluster: CLUSTER, clusterId: "id" }, ports.machine, this.names);
    const journal = ports.openJournal("journal", formatIdentity(identity));
    const store = ports.openStore("store", formatIdentity(identity));
    const { clock, random } = ports;
    const post = this.#post(ports, "station-replica");
    return Object.assign(createStation(identity, { clock, random, post, journal, store }), { store });
  }

  #agent(ports: ProcessPorts): Instance {
    const { machine: node } = ports;
    const post = this.#post(ports, "node-agent");
    const subscription = post.subscribe(subjectsOf(CLUSTER).activate(node), "activate", ({ value, respond }) => {
      if (!this.#coordinators.has(value.epoch)) this.#start(node, value.epoch);
      respond?.({ kind: "activateReply", value: { outcome: "started", message: "" } });
    });
    return { stop: () => subscription.unsubscribe() };
  }

  #start(node: string, epoch: number): void {
    const act = (what: string): void => {
      this.acts.push({ atMs: this.world.nowMs, epoch, what });
    };
    const spawned = this.world.spawn(node, `coordinator-${epoch}`, (ports) => {
      const { clock, random } = ports;
      return createCoordinator(
        { node, epoch, counters: [witnesses] },
        {
          clock,
          random,
          post: this.#post(ports, "coordinator"),
          onNotice: (text) => act(text),
          onStop: (reason) => {
            act(`stopped: ${reason}`);
            ports.exit(reason);
          },
        },
      );
    });
    this.#coordinators.set(epoch, spawned);
  }

  #submitter(ports: ProcessPorts): ClientLife {
    const { clock, random } = ports;
    const post = this.#post(ports, "app");
    const tracker = new EqTracker({ clock, random, post });
    const replicator = createStationReplicator({ clock, random, post, tracker });
    const producer = new Producer("client.app", { clock, random, post, replicator, tracker });
    // Hears what would be told to the nodes, and never answers.
    const deaf = post.subscribe(subjectsOf(CLUSTER).command("user-1"), "command", ({ value }) => {
      this.commands.push({ atMs: this.world.nowMs, epoch: value.epoch, what: value.id });
    });
    const cancels: Cancel[] = [() => producer.stop(), () => tracker.stop(), () => deaf.unsubscribe()];
    return {
      producer,
      command: (command, done) =>
        void replicator.update(encodeStateCommand(command), { idempotent: true }, (outcome) => {
          if (outcome.kind === "result") done(decodeStateResult(outcome.result));
        }),
      submit: (payload) => producer.promulgate(NAMES[payload.kind], encodeEventPayload(payload), {}, () => undefined),
      stop: () => {
        for (const cancel of cancels) cancel();
      },
    };
  }
}

/** A command under way is nobody's fault. */
const LATENCY_MS = 5;

const isStation = (instance: Instance | undefined): instance is StationLife =>
  instance !== undefined && "store" in instance;
