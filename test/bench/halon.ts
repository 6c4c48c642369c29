import { fileURLToPath } from "node:url";
import type { LogReplicator } from "@halon/replicator";
import { connectClient } from "../log-group/connect-client.ts";
import { type Child, type Scratch, UP_MS_MAX, until } from "../log-group/scratch.ts";
import { Station } from "../log-group/station.ts";
import { within } from "../log-group/within.ts";
import type { BenchStationConfig } from "./log-station.ts";
import { freePorts, notOnPath } from "./machine.ts";
import { type Client, type Done, KEYS, type System } from "./system.ts";

const CLUSTER = "bench";
const STATION = fileURLToPath(new URL("log-station.js", import.meta.url));

export interface HalonOptions {
  readonly members: number;
  readonly keys?: number;
  readonly snapshotBytes?: number;
  /** Of Node, for the stations. */
  readonly flags?: readonly string[];
}

type Outcome = Parameters<Parameters<LogReplicator["query"]>[1]>[0];

/** Stations that are only their log, and a broker between them. */
export class Halon implements System {
  readonly about =
    "halon: stations that are only their log (paxos, journal-file, store-lmdb, transport-nats) and put one key per command; " +
    "exactly-once updates, client LogReplicator, which sends calls that wait together together; fsync before each acknowledgement";
  readonly stations: readonly Station[];
  readonly #broker: Child;
  readonly #natsUrl: string;
  readonly #monitorUrl: string;
  #clients = 0;

  private constructor(
    stations: readonly Station[],
    broker: { readonly child: Child; readonly natsUrl: string; readonly monitorUrl: string },
  ) {
    this.stations = stations;
    this.#broker = broker.child;
    this.#natsUrl = broker.natsUrl;
    this.#monitorUrl = broker.monitorUrl;
  }

  /** Resolves when a first command was answered. */
  static async start(
    scratch: Scratch,
    { members, keys = KEYS, snapshotBytes, flags = [] }: HalonOptions,
  ): Promise<Halon> {
    const broker = await startBroker(scratch);
    // Node's own flags go along: `--cpu-prof` profiles the stations too.
    const command = [...process.execArgv, ...flags, STATION];
    const names = Array.from({ length: members }, (_, at) => `s${at + 1}`);
    const stations = names.map((self) => {
      const { natsUrl } = broker;
      const own = { cluster: CLUSTER, self, members: names, natsUrl, dir: scratch.dir(self), keys, snapshotBytes };
      return new Station(scratch, command, own satisfies BenchStationConfig);
    });
    await Promise.all(stations.map((station) => station.start()));
    const halon = new Halon(stations, broker);
    const client = await halon.connect();
    const first = new Promise<void>((resolve, reject) =>
      client.write(0, Buffer.alloc(4), (error) => (error ? reject(error) : resolve())),
    );
    await within(first, UP_MS_MAX, () => "the stations do not answer");
    await client.close();
    return halon;
  }

  pids(): readonly number[] {
    return [this.#broker, ...this.#running()].map(({ pid }) => pid);
  }

  /** Payloads that came to the broker and that it gave out, each time it gave them out. */
  async wireBytes(): Promise<number> {
    const { in_bytes, out_bytes } = (await (await fetch(`${this.#monitorUrl}/varz`)).json()) as Readonly<
      Record<"in_bytes" | "out_bytes", number>
    >;
    return in_bytes + out_bytes;
  }

  /** Who leads now. Throws when nobody does for long. */
  leader(): Promise<Station> {
    return until("a station leads", this.#running(), async () => {
      const running = this.stations.filter(({ child }) => child !== undefined);
      const all = await Promise.all(running.map((station) => station.status()));
      // Of two that believe it, only the one that is ahead can be right.
      const [best] = all
        .map(({ role, applied }, at) => ({ role, applied, station: running[at] }))
        .filter(({ role }) => role === "leader")
        .sort((a, b) => b.applied - a.applied);
      return best?.station;
    });
  }

  /** Throws when a state was found to be damaged, or not that of the others: what was measured would be worth nothing. */
  async assertSound(): Promise<void> {
    const running = this.stations.filter(({ child }) => child !== undefined);
    const all = await Promise.all(running.map((station) => station.status()));
    if (all.some(({ faults }) => faults > 0)) throw new Error(`states are not sound:\n${await this.describe()}`);
  }

  /** For people: a line for each station that runs. */
  async describe(): Promise<string> {
    const running = this.stations.filter(({ child }) => child !== undefined);
    const lines = running.map(async (station) => {
      const status = await station.status().catch((error: Error) => error.message);
      return `${station.name}: ${typeof status === "string" ? status : JSON.stringify(status)}`;
    });
    return (await Promise.all(lines)).join("\n");
  }

  async connect(): Promise<Client> {
    const name = `client-${++this.#clients}.bench`;
    const members = this.stations.map((station) => station.name);
    const { replicator, close } = await connectClient({ cluster: CLUSTER, natsUrl: this.#natsUrl, name, members });
    return {
      write: (_, value, done) => void replicator.update(value, {}, (outcome) => conclude(outcome, done)),
      read: (number, done) => {
        const key = Buffer.alloc(4);
        key.writeUInt32BE(number);
        replicator.query(key, (outcome) => conclude(outcome, done));
      },
      close,
    };
  }

  #running(): readonly Child[] {
    return this.stations.flatMap(({ child }) => child ?? []);
  }
}

const conclude = (outcome: Outcome, done: Done): void =>
  outcome.kind === "result" ? done() : done(new Error(`a command came to ${JSON.stringify(outcome)}`));

export async function startBroker(
  scratch: Scratch,
): Promise<{ readonly child: Child; readonly natsUrl: string; readonly monitorUrl: string }> {
  if (notOnPath("nats-server").length > 0)
    throw new Error(
      "nats-server is not on the PATH. Debian: apt-get install nats-server; macOS: brew install nats-server",
    );
  const [port, monitorPort] = await freePorts(2);
  const child = scratch.spawn("nats-server", "nats-server", [
    "-a",
    "127.0.0.1",
    "-p",
    `${port}`,
    "-m",
    `${monitorPort}`,
  ]);
  const monitorUrl = `http://127.0.0.1:${monitorPort}`;
  await until("nats-server answers", [child], async () => ((await fetch(`${monitorUrl}/varz`)).ok ? true : undefined));
  return { child, natsUrl: `nats://127.0.0.1:${port}`, monitorUrl };
}
