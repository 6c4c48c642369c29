import { MemoryDisk, openJournalMemory } from "@halon/journal-memory";
import { createMonitor, MONITOR_DEFAULTS, type Monitor } from "@halon/monitor";
import { Post } from "@halon/proto";
import { type Random, type Transport, VirtualClock } from "@halon/runtime";
import { createStation, foundingIdentity } from "@halon/station-replica";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import { createTransponder } from "@halon/transponder";
import { MemoryBus } from "@halon/transport-memory";

const CLUSTER = "edge";

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

interface Process {
  readonly status?: () => Readonly<Record<string, unknown>>;
  stop(): void;
}

export interface ProcessPorts {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly post: Post;
  readonly transport: Transport;
}

/** A station and what stands around it, in virtual time. Processes are named `NODE.SERVICE`. */
export class EdgeCluster {
  readonly clock = new VirtualClock(1_000);
  readonly random = seeded(7);
  /** Of these processes nothing is heard: what they send is lost. */
  readonly mute = new Set<string>();
  /** These nodes are cut off, in both directions. */
  readonly cut = new Set<string>();
  readonly bus: MemoryBus;
  readonly #processes = new Map<string, Process>();
  readonly #journals = new Map<string, MemoryDisk>();
  readonly #stores = new Map<string, MemoryStoreDisk>();

  constructor() {
    const nodeOf = (name: string): string => name.slice(0, name.indexOf("."));
    this.bus = new MemoryBus({
      clock: this.clock,
      random: this.random,
      network: (from, to) => {
        const isCut = nodeOf(from) !== nodeOf(to) && [from, to].some((name) => this.cut.has(nodeOf(name)));
        // A broker loses what a cut-off machine sends to itself, too.
        const isOwn = from === to && this.cut.has(nodeOf(from));
        return isCut || isOwn || this.mute.has(from) ? [] : [0.2 + (this.random.u32() % 100) / 100];
      },
    });
  }

  get nowMs(): number {
    return this.clock.nowMs();
  }

  /** Starts a process; `build` gets what a process has. */
  start<T extends Process>(name: string, build: (ports: ProcessPorts) => T): T {
    const transport = this.bus.open(name);
    const post = new Post(transport, this.random, { cluster: CLUSTER, sender: name });
    const process = build({ clock: this.clock, random: this.random, post, transport });
    this.#processes.set(name, process);
    return process;
  }

  /** Dies without a word. */
  kill(name: string): void {
    const process = this.#processes.get(name);
    if (process === undefined) throw new Error(`no process ${name}`);
    this.bus.kill(name);
    process.stop();
    const node = name.slice(0, name.indexOf("."));
    if (!name.endsWith(".station-replica")) return;
    this.#journals.get(node)?.crash();
    this.#stores.get(node)?.crash();
  }

  station(node: string, members: readonly string[] = [node]): void {
    const { clock } = this;
    const journalDisk = this.#journals.get(node) ?? new MemoryDisk();
    const storeDisk = this.#stores.get(node) ?? new MemoryStoreDisk();
    this.#journals.set(node, journalDisk);
    this.#stores.set(node, storeDisk);
    const mode = journalDisk.used ? "existing" : "create";
    const journal = openJournalMemory({ disk: journalDisk, clock, flushMs: 0.5, mode, identity: node });
    const store = openStoreMemory({ disk: storeDisk, clock, flushMs: 0.5, identity: node });
    const identity = foundingIdentity({ cluster: CLUSTER, clusterId: "c1" }, node, members);
    this.start(`${node}.station-replica`, (ports) => createStation(identity, { ...ports, journal, store }));
  }

  transponder(node: string): void {
    this.start(`${node}.transponder`, (ports) => createTransponder({ node }, ports));
  }

  monitor(node: string): Monitor {
    return this.start(`${node}.monitor`, (ports) => createMonitor({ node, ...MONITOR_DEFAULTS }, ports));
  }

  /** What a process says of itself. */
  status(name: string): Readonly<Record<string, unknown>> {
    return this.#processes.get(name)?.status?.() ?? {};
  }

  runFor(spanMs: number): void {
    this.clock.runUntil(this.nowMs + spanMs);
  }

  /** Runs until `condition` holds, and returns how long that took. Fails, with everybody's status, after `withinMs`. */
  until(what: string, withinMs: number, condition: () => boolean): number {
    const startMs = this.nowMs;
    while (!condition())
      if (!this.clock.step(startMs + withinMs)) {
        const states = [...this.#processes.keys()].map((name) => `${name} ${JSON.stringify(this.status(name))}`);
        throw new Error(`not within ${withinMs} ms: ${what}\n${states.join("\n")}`);
      }
    return this.nowMs - startMs;
  }
}
