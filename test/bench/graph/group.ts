import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator } from "@halon/event-queue";
import {
  decodeLease,
  decodeStateResult,
  encodeStateCommand,
  type Lease,
  Post,
  type StateCommand,
  type StateResult,
  subjectsOf,
} from "@halon/proto";
import type { CallOutcome } from "@halon/replicated-log";
import { systemClock as clock, systemRandom as random, type Transport } from "@halon/runtime";
import { openTransportNats } from "@halon/transport-nats";
import { type Scratch, until } from "../../log-group/scratch.ts";
import { within } from "../../log-group/within.ts";
import { Probed } from "./probed.ts";

const CLUSTER = "bench";
const NODES = ["s1", "s2", "s3"] as const;
const STATION = fileURLToPath(new URL("../../../../services/station-replica/dist/main.js", import.meta.url));
const COORDINATOR = fileURLToPath(new URL("coordinator.js", import.meta.url));
const UP_MS_MAX = 120_000;
const QUERY_MS_MAX = 6_000;
const ANSWER_MS_MAX = 180_000;

/** The tracking station as it is deployed, and a client that plays all others. */
export class GraphGroup {
  readonly #scratch: Scratch;
  readonly #natsUrl: string;
  readonly #dir: string;
  readonly #transport: Transport;
  #client: Client | undefined;
  readonly #decided = new Map<number, (ms: number) => void>();
  stations: readonly Probed[] = [];
  coordinator: Probed | undefined;

  private constructor(scratch: Scratch, natsUrl: string, dir: string, transport: Transport) {
    this.#scratch = scratch;
    this.#natsUrl = natsUrl;
    this.#dir = dir;
    this.#transport = transport;
  }

  /** `dir`: of the stations' directories; they are founded if they are not there. */
  static async open(scratch: Scratch, natsUrl: string, dir: string): Promise<GraphGroup> {
    let id = "";
    for (const node of NODES) {
      if (existsSync(join(dir, node))) continue;
      const own = [...selfOf(node, dir), "--members", NODES.join(",")];
      const args = [STATION, "init", ...own, ...(id === "" ? [] : ["--cluster-id", id])];
      id = execFileSync(process.execPath, args, { encoding: "utf8" }).trim();
    }
    const transport = await openTransportNats({ servers: [natsUrl], name: "client.bench" });
    return new GraphGroup(scratch, natsUrl, dir, transport);
  }

  /** Starts the stations, which may have state already. Resolves with the first linearizable answer. */
  async start(): Promise<Lease | undefined> {
    const flags = ["--nats-url", this.#natsUrl, "--api-address", "off", "--log-level", "warn"];
    this.stations = NODES.map(
      (node) => new Probed(this.#scratch, `station ${node}`, [STATION, ...selfOf(node, this.#dir), ...flags]),
    );
    // One that knows nothing yet, and has not been waiting for the last ones.
    this.#client = connect(this.#transport);
    return await this.lease();
  }

  /** Resolves when all stations have taken up their states. */
  async serving(): Promise<void> {
    const client = this.#client;
    const isServing = async (): Promise<true | undefined> => {
      if (client === undefined) return undefined;
      const all = await Promise.all(NODES.map((node) => client.isServing(node)));
      return all.every((each) => each) || undefined;
    };
    await until(
      "all stations serve",
      this.stations.map(({ child }) => child),
      isServing,
      UP_MS_MAX,
    );
  }

  async kill(): Promise<void> {
    const running = this.coordinator === undefined ? this.stations : [...this.stations, this.coordinator];
    await Promise.all(running.map(({ child }) => child.kill()));
    this.stations = [];
    this.coordinator = undefined;
    this.#client?.stop();
    this.#client = undefined;
  }

  /** As all stations agree on it now. */
  async lease(): Promise<Lease | undefined> {
    const outcome = await this.#answer(({ query }, done) => query(Buffer.from("lease"), done));
    if (outcome.kind !== "result") throw new Error(`the lease cannot be read: ${JSON.stringify(outcome)}`);
    return outcome.result.length === 0 ? undefined : decodeLease(outcome.result);
  }

  /** Has it decided. Rejects when it is refused. */
  async command(command: StateCommand): Promise<StateResult> {
    const bytes = encodeStateCommand(command);
    const outcome = await this.#answer(({ update }, done) => update(bytes, done));
    if (outcome.kind !== "result") throw new Error(`a command was not taken: ${JSON.stringify(outcome)}`);
    return decodeStateResult(outcome.result);
  }

  /** The next epoch. */
  async grant(): Promise<number> {
    const { epoch = 0, checkpoint = 0 } = (await this.lease()) ?? {};
    const result = await this.command({ kind: "grantLease", value: { epoch, checkpoint, holder: NODES[0] } });
    const lease = result.kind === "lease" && result.value.granted ? result.value.lease : undefined;
    if (lease === undefined) throw new Error(`no lease: ${JSON.stringify(result)}`);
    return lease.epoch;
  }

  /** Starts the coordinator of an epoch. Resolves when its first checkpoint is decided. */
  async startCoordinator(epoch: number): Promise<void> {
    const options = JSON.stringify({ cluster: CLUSTER, node: NODES[0], natsUrl: this.#natsUrl, epoch });
    const coordinator = new Probed(this.#scratch, "coordinator", [COORDINATOR, options], (number, ms) => {
      this.#decided.get(number)?.(ms);
      this.#decided.delete(number);
    });
    this.coordinator = coordinator;
    const isActing = async (): Promise<true | undefined> => ((await this.lease())?.checkpoint ?? 0) > 0 || undefined;
    await until("the coordinator's first checkpoint", [coordinator.child], isActing, UP_MS_MAX);
  }

  /** Resolves with how long a change took, once the coordinator has had it decided. */
  decided(number: number): Promise<number> {
    const decided = new Promise<number>((resolve) => this.#decided.set(number, resolve));
    return within(decided, ANSWER_MS_MAX, () => `change ${number} is not decided (${this.coordinator?.child.failure})`);
  }

  async close(): Promise<void> {
    this.#client?.stop();
    await this.#transport.close();
  }

  #answer(ask: (client: Client, done: (outcome: CallOutcome) => void) => void): Promise<CallOutcome> {
    const client = this.#client;
    if (client === undefined) throw new Error("no station was started");
    const failures = (): string => this.stations.map(({ child }) => child.failure ?? "runs").join("; ");
    const answered = new Promise<CallOutcome>((resolve) => ask(client, resolve));
    return within(answered, ANSWER_MS_MAX, () => `the stations do not answer (${failures()})`);
  }
}

interface Client {
  readonly query: (payload: Uint8Array, done: (outcome: CallOutcome) => void) => void;
  readonly update: (payload: Uint8Array, done: (outcome: CallOutcome) => void) => void;
  /** Whether the station of that node answers from its state. */
  readonly isServing: (node: string) => Promise<boolean>;
  readonly stop: () => void;
}

function connect(transport: Transport): Client {
  const post = new Post(transport, random, { cluster: CLUSTER, sender: "client.bench" });
  const tracker = new EqTracker({ clock, random, post });
  const replicator = createStationReplicator({ clock, random, post, tracker });
  return {
    query: (payload, done) => void replicator.query(payload, done),
    update: (payload, done) => void replicator.update(payload, { idempotent: true }, done),
    isServing: (node) =>
      new Promise((resolve) => {
        const query = { kind: "query", value: { minApplied: 0, body: { kind: "lease", value: {} } } } as const;
        const subject = subjectsOf(CLUSTER).stationQuery(node);
        post.request(subject, query, "queryReply", QUERY_MS_MAX, (outcome) =>
          resolve(outcome.kind === "reply" && outcome.value.body?.kind === "lease"),
        );
      }),
    stop: () => {
      replicator.stop();
      tracker.stop();
    },
  };
}

const selfOf = (node: string, dir: string): readonly string[] => [
  ...["--cluster", CLUSTER, "--node", node],
  ...["--state-dir", join(dir, node)],
];
