import type { MemberId } from "@halon/consensus";
import {
  everyFault,
  type Invariant,
  type Model,
  type ModelRun,
  type SimulatedProcess,
  type World,
} from "@halon/simulation";
import { History } from "./history.ts";
import { Ledger } from "./ledger.ts";
import { keepCalling, LogProcessClient } from "./log-client.ts";
import { LogStation, type Substitutes } from "./log-station.ts";

export interface LogGroupOptions {
  readonly stations: number;
  readonly clients: number;
  readonly substitutes?: Substitutes;
  /** The clients call by themselves. */
  readonly busy?: boolean;
}

/** Clocks of machines run fast or slow by at most this much. */
const CLOCK_DRIFT = 0.05;
const KEYS = ["k1", "k2", "k3", "k4"];

/** A replicated log: stations that hold its members, and clients that call them. */
export class LogGroup {
  readonly world: World;
  readonly members: readonly MemberId[];
  readonly stations: readonly SimulatedProcess<LogStation>[];
  readonly clients: readonly SimulatedProcess<LogProcessClient>[];
  readonly history = new History();
  readonly ledger = new Ledger();
  isCalling: boolean;

  constructor(world: World, options: LogGroupOptions) {
    const { stations, clients, substitutes = {}, busy = true } = options;
    this.world = world;
    this.isCalling = busy;
    const names = (kind: string, count: number): string[] =>
      Array.from({ length: count }, (_, at) => `${kind}-${at + 1}`);
    this.members = names("station", stations);
    const chance = world.chance.fork("clocks");
    for (const name of this.members)
      world.machine(name, { clockRate: chance.between(1 - CLOCK_DRIFT, 1 + CLOCK_DRIFT) });
    world.addInvariant(this.ledger.agreement);
    world.addInvariant(this.oneState);
    world.addInvariant(this.history.linearizable);
    const { members, ledger } = this;
    this.stations = members.map((self) =>
      world.spawn(self, "replica", (ports) => new LogStation({ self, members, ledger, substitutes }, ports)),
    );
    this.clients = names("client", clients).map((name) =>
      world.spawn(name, "app", (ports) => {
        const client = new LogProcessClient(members, this.history, ports);
        keepCalling(client, { keys: KEYS, everyMs: 250 }, ports, () => this.isCalling);
        return client;
      }),
    );
  }

  /** The station that leads, of several the one that has applied most. */
  get leader(): SimulatedProcess<LogStation> | undefined {
    return this.stations
      .filter(({ instance }) => instance?.member.status.role === "leader")
      .sort((a, b) => this.#applied(b) - this.#applied(a))[0];
  }

  /** All stations are up, one leads, and all have applied all that was decided. */
  get isEven(): boolean {
    return this.leader !== undefined && this.stations.every((each) => this.#applied(each) >= this.ledger.highest);
  }

  get waiting(): number {
    return this.clients.reduce((sum, { instance }) => sum + (instance?.waiting ?? 0), 0);
  }

  /** One line per station. */
  describe(): string {
    const lines = this.stations.map(({ id, instance, state }) => {
      if (instance === undefined) return `${id} ${state}`;
      const { role, ballot, chosen, knownChosen, applied } = instance.member.status;
      return `${id} ${role} in ${ballot}, chosen ${chosen} of ${knownChosen}, applied ${applied}`;
    });
    return [...lines, `decided ${this.ledger.highest}, calls waiting ${this.waiting}`].join("; ");
  }

  /** Same decrees, same state: stations that have applied equally much hold the same bytes. */
  get oneState(): Invariant {
    return { name: "one-state", citation: "promise G2", when: "end", check: () => this.#differing() };
  }

  #applied({ instance }: SimulatedProcess<LogStation>): number {
    return instance?.member.status.applied ?? -1;
  }

  #differing(): string | undefined {
    const states = new Map<number, { readonly id: string; readonly text: string }>();
    for (const station of this.stations) {
      if (station.instance === undefined) continue;
      const entries = station.instance.store.range({ from: "", to: "\x7f" });
      const text = entries.map(([key, value]) => `${key}=${Buffer.from(value).toString("base64")}`).join("\n");
      const other = states.get(this.#applied(station));
      if (other === undefined) states.set(this.#applied(station), { id: station.id, text });
      else if (other.text !== text) return `${station.id} and ${other.id} differ at decree ${this.#applied(station)}`;
    }
    return undefined;
  }
}

/** The log under every fault there is, with stations and clients of which a minority, or all, may be down at a time. */
export const logModel = (options: LogGroupOptions = { stations: 3, clients: 3 }): Model => ({
  name: "log",
  build(world): ModelRun {
    const group = new LogGroup(world, options);
    const processes = [...group.stations, ...group.clients];
    const machines = processes.map(({ machine }) => machine.name);
    return {
      columns: machines,
      faults: everyFault({ processes, machines }),
      faultEveryMs: 1_500,
      faultLastsMsMax: 6_000,
      safetyMs: 60_000,
      livenessMs: 20_000,
      calm() {
        group.isCalling = false;
        for (const { instance } of group.clients)
          instance?.call({ op: "append", key: "k1", element: instance.newElement() });
      },
      isConverged: () => group.waiting === 0 && group.isEven,
      lacking: () => group.describe(),
      get operations() {
        return group.history.called;
      },
    };
  },
});
