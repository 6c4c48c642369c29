import { type Coordinator, createCoordinator } from "@halon/coordinator";
import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, Producer } from "@halon/event-queue";
import { createMonitor, MONITOR_DEFAULTS, type Monitor } from "@halon/monitor";
import { type Agent, createAgent, ExclusiveRight } from "@halon/node-agent";
import { decodeDecision, encodeEventPayload, Post } from "@halon/proto";
import { createSupervisor, SUPERVISOR_DEFAULTS } from "@halon/recovery-supervisor";
import { eventType, rule } from "@halon/rules";
import type { Store } from "@halon/runtime";
import type { Invariant, ProcessPorts, SimulatedProcess, World } from "@halon/simulation";
import { createStation, formatIdentity, foundingIdentity, readLease, type Station } from "@halon/station-replica";
import { createTransponder } from "@halon/transponder";
import { Host } from "./host.ts";
import { EventLedger, RunLedger } from "./ledger.ts";

export interface ClusterOptions {
  readonly stations: number;
  readonly satellites: number;
  readonly users: number;
  /** As in cluster.yaml. */
  readonly spec: { readonly services: Readonly<Record<string, object>> };
  /** Stands in for the agent's own; for planted mistakes. */
  readonly right?: () => ExclusiveRight;
}

interface StationLife extends Station {
  readonly store: Store;
}

interface ClientLife {
  readonly waiting: number;
  stop(): void;
}

const CLUSTER = "sim";
const CLUSTER_ID = "simulated";
const CLOCK_DRIFT = 0.05;
const SUBMIT_EVERY_MS = 220;

/** An event that somebody submits, and that every coordinator witnesses by a decision of its own. */
const Witnessed = eventType("witnessed", (payload) => new TextDecoder().decode(payload));
const witness = rule("witness", {
  version: 1,
  on: Witnessed,
  key: (name) => name,
  *run(ctx, name) {
    yield* ctx.decide("witnessed", { name });
  },
});

/** Written with each decree that is applied. */
const POSITION_KEY = "~position";

const names = (kind: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${kind}-${at + 1}`);

/** A whole cluster: the same services as in production, on simulated machines. */
export class Cluster {
  readonly world: World;
  readonly stationNames: readonly string[];
  readonly events = new EventLedger();
  readonly runs: RunLedger;
  readonly hosts = new Map<string, Host>();
  readonly stations: readonly SimulatedProcess<StationLife>[];
  readonly client: SimulatedProcess<ClientLife>;
  readonly services: SimulatedProcess[] = [];
  readonly #options: ClusterOptions;
  readonly #coordinators = new Map<string, { epoch: number; readonly process: SimulatedProcess<Coordinator> }>();
  readonly #digests = new Map<number, string>();
  readonly #checkedPosition = new Map<string, Uint8Array>();
  #twoActing: string | undefined;
  isSubmitting = true;

  constructor(world: World, options: ClusterOptions) {
    this.world = world;
    this.#options = options;
    this.stationNames = names("station", options.stations);
    const exclusive = new Set(
      Object.entries(options.spec.services).flatMap(([name, service]) => ("exclusive" in service ? [name] : [])),
    );
    this.runs = new RunLedger((instance) => exclusive.has(instance.slice(0, instance.indexOf("/"))));
    const rates = world.chance.fork("clock rates");
    const nodes = [...this.stationNames, ...names("satellite", options.satellites), ...names("user", options.users)];
    for (const node of nodes) world.machine(node, { clockRate: rates.between(1 - CLOCK_DRIFT, 1 + CLOCK_DRIFT) });
    this.stations = this.stationNames.map((node) =>
      world.spawn(node, "station-replica", (ports) => this.#station(ports)),
    );
    for (const node of nodes) this.#spawnNode(node);
    this.client = world.spawn("client", "app", (ports) => this.#client(ports));
    world.addInvariant(this.runs.oneInstance);
    world.addInvariant(this.#oneHistory);
    world.addInvariant(this.#oneCoordinator);
    world.addInvariant(this.#nothingLost);
  }

  /** All processes that a fault may strike, coordinators included. */
  get processes(): readonly SimulatedProcess[] {
    return [...this.stations, ...this.services, ...[...this.#coordinators.values()].map(({ process }) => process)];
  }

  get coordinators(): readonly SimulatedProcess<Coordinator>[] {
    return [...this.#coordinators.values()].map(({ process }) => process);
  }

  /** Coordinators that hold the lease in their own eyes, and can act on it. */
  get acting(): readonly SimulatedProcess<Coordinator>[] {
    return this.coordinators.filter(
      ({ state, instance }) => state === "running" && instance?.status()["acting"] === true,
    );
  }

  get leader(): SimulatedProcess<StationLife> | undefined {
    return this.stations.find(({ instance }) => instance?.status()["role"] === "leader");
  }

  /** Names of events that were decided on, from the newest state that any station holds. */
  decided(): readonly string[] {
    const stores = this.stations.flatMap(({ instance }) => (instance === undefined ? [] : [instance]));
    const newest = stores.sort((a, b) => applied(b) - applied(a))[0];
    return (newest?.store.range({ from: "d/", to: "d0" }) ?? []).flatMap(([, bytes]) => {
      const { text, facts } = decodeDecision(bytes);
      return text === "witnessed" ? [(JSON.parse(facts) as { name: string }).name] : [];
    });
  }

  #post(ports: ProcessPorts, service: string): Post {
    return new Post(ports.transport, ports.random, { cluster: CLUSTER, sender: `${ports.machine}.${service}` });
  }

  #station(ports: ProcessPorts): StationLife {
    const group = { cluster: CLUSTER, clusterId: CLUSTER_ID };
    const identity = foundingIdentity(group, ports.machine, this.stationNames);
    const journal = ports.openJournal("journal", formatIdentity(identity));
    const store = ports.openStore("store", formatIdentity(identity));
    const { clock, random } = ports;
    const onNotice = (notice: string, facts: object): void => ports.trace(`${notice} ${JSON.stringify(facts)}`);
    const station = createStation(identity, {
      clock,
      random,
      post: this.#post(ports, "station-replica"),
      journal,
      store,
      onNotice,
    });
    return Object.assign(station, { store });
  }

  #spawnNode(node: string): void {
    const { world } = this;
    const kind = node.slice(0, node.indexOf("-")) as "station" | "satellite" | "user";
    const coordinator = {
      start: (epoch: number) => this.#startCoordinator(node, epoch),
      kill: () => this.#coordinators.get(node)?.process.kill(),
    };
    const host = new Host({ world, machine: world.machine(node), ledger: this.runs, coordinator });
    this.hosts.set(node, host);
    // Stands for the machine's kernel: it dies only with the machine's power, and takes along whatever runs.
    world.spawn(node, "kernel", () => ({ stop: () => undefined })).onExit(() => host.clear());
    const add = (name: string, build: (ports: ProcessPorts) => { stop(): void }): void => {
      this.services.push(world.spawn(node, name, build));
    };
    if (kind === "station") {
      const config = { node, stations: this.stationNames, ...SUPERVISOR_DEFAULTS };
      add("recovery-supervisor", (ports) => {
        const { clock, random } = ports;
        const onNotice = (notice: string, facts: object): void => ports.trace(`${notice} ${JSON.stringify(facts)}`);
        return createSupervisor(config, { clock, random, post: this.#post(ports, "recovery-supervisor"), onNotice });
      });
    }
    if (kind === "satellite")
      add("transponder", (ports) => {
        const { clock, random } = ports;
        return createTransponder({ node }, { clock, random, post: this.#post(ports, "transponder") });
      });
    if (kind !== "user") add("monitor", (ports) => this.#monitor(ports));
    add("node-agent", (ports) => this.#agent(ports, kind, host));
  }

  #monitor(ports: ProcessPorts): Monitor {
    const { clock, random, transport } = ports;
    const onNotice = (notice: string, facts: object): void => ports.trace(`${notice} ${JSON.stringify(facts)}`);
    return createMonitor(
      { node: ports.machine, ...MONITOR_DEFAULTS },
      { clock, random, transport, post: this.#post(ports, "monitor"), onNotice },
    );
  }

  #agent(ports: ProcessPorts, kind: "station" | "satellite" | "user", host: Host): Agent {
    const { clock, random, files, machine: node } = ports;
    const post = this.#post(ports, "node-agent");
    const tracker = new EqTracker({ clock, random, post });
    const replicator = createStationReplicator({ clock, random, post, tracker });
    const producer = new Producer(`${node}.node-agent`, { clock, random, post, replicator, tracker });
    const roles = kind === "user" ? [] : ["monitor"];
    const coordinator =
      kind === "station"
        ? ({ kind: "process", command: ["coordinator"], env: {} } as const)
        : ({ kind: "none" } as const);
    return createAgent(
      { node, nodeKind: kind, roles, heartbeatMs: 1_000, own: [], coordinator, stopGraceMs: 100 },
      {
        clock,
        random,
        post,
        producer,
        tracker,
        driver: host.driver(clock),
        state: { load: () => files.read("state"), save: (bytes, done) => files.write("state", bytes, done) },
        right: this.#options.right?.() ?? new ExclusiveRight(),
        onNote: (_, text, facts) => ports.trace(`${text} ${JSON.stringify(facts)}`),
      },
    );
  }

  #startCoordinator(node: string, epoch: number): void {
    const present = this.#coordinators.get(node);
    if (present !== undefined) {
      present.process.kill();
      present.epoch = epoch;
      present.process.start();
      return;
    }
    const started: { epoch: number; process?: SimulatedProcess<Coordinator> } = { epoch };
    const process = this.world.spawn(node, "coordinator", (ports) => {
      const { clock, random } = ports;
      return createCoordinator(
        { node, epoch: started.epoch, rules: [witness] },
        {
          clock,
          random,
          post: this.#post(ports, "coordinator"),
          onStop: (reason) => ports.exit(reason),
          onNotice: (notice, facts) => {
            if (notice === "acting") this.#onActing(node);
            if (notice !== "witnessed") ports.trace(`${notice} ${JSON.stringify(facts)}`);
          },
        },
      );
    });
    started.process = process;
    this.#coordinators.set(node, started as { epoch: number; process: SimulatedProcess<Coordinator> });
    process.onExit(() => this.hosts.get(node)?.crash("coordinator", "exited"));
  }

  /** Whoever acted before must have stopped by itself by now, unless it is paused and has yet to find out. */
  #onActing(node: string): void {
    const others = this.acting.filter(({ machine }) => machine.name !== node);
    if (others.length > 0) this.#twoActing = [node, ...others.map(({ machine }) => machine.name)].join(" and ");
  }

  /** Applies the specification, then submits events for as long as it is let. */
  #client(ports: ProcessPorts): ClientLife {
    const { clock, random } = ports;
    const post = this.#post(ports, "app");
    const tracker = new EqTracker({ clock, random, post });
    const replicator = createStationReplicator({ clock, random, post, tracker });
    const producer = new Producer("client.app", { clock, random, post, replicator, tracker });
    const spec = { json: JSON.stringify(this.#options.spec), prune: false };
    producer.promulgate("cluster-spec", encodeEventPayload({ kind: "clusterSpec", value: spec }), {}, () => undefined);
    const submit = (): void => {
      clock.at(clock.nowMs() + SUBMIT_EVERY_MS, submit);
      if (!this.isSubmitting) return;
      const name = this.events.submit();
      producer.promulgate("witnessed", new TextEncoder().encode(name), {}, ({ kind }) => {
        if (kind === "stored") this.events.acknowledge(name);
      });
    };
    submit();
    return {
      get waiting() {
        return producer.waiting;
      },
      stop: () => producer.stop(),
    };
  }

  /** Stations that have applied equally much hold the same lease and queue, whenever that is looked at. */
  get #oneHistory(): Invariant {
    return {
      name: "one-history",
      citation: "promise G2",
      check: () => {
        for (const { id, instance } of this.stations) {
          if (instance === undefined) continue;
          const position = instance.store.get(POSITION_KEY);
          if (position === undefined || this.#checkedPosition.get(id) === position) continue;
          this.#checkedPosition.set(id, position);
          const wrong = this.#compare(applied(instance), instance.store);
          if (wrong !== undefined) return `${id} ${wrong}`;
        }
        return undefined;
      },
    };
  }

  #compare(number: number, store: Store): string | undefined {
    const { epoch, checkpoint } = readLease(store);
    const queue = ["qn", "qc", "dn"].map((key) => new TextDecoder().decode(store.get(key) ?? new Uint8Array(0)));
    const digest = [epoch, checkpoint, ...queue].join("/");
    const other = this.#digests.get(number) ?? digest;
    this.#digests.set(number, other);
    return other === digest ? undefined : `has ${digest} after decree ${number}, another station had ${other}`;
  }

  get #oneCoordinator(): Invariant {
    return {
      name: "one-coordinator",
      citation: "promise G3",
      check: () => this.#twoActing && `coordinators on ${this.#twoActing} act at the same time`,
    };
  }

  get #nothingLost(): Invariant {
    return {
      name: "nothing-lost",
      citation: "promise G1",
      when: "end",
      check: () => this.events.complaints(this.decided())[0],
    };
  }
}

const applied = (station: Station): number => Number(station.status()["applied"]);
