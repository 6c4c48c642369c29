import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, Producer, type PromulgateOutcome } from "@halon/event-queue";
import { Post, type QueryBody, type QueryReply, subjectsOf } from "@halon/proto";
import type { CallOutcome } from "@halon/replicated-log";
import { systemClock, systemRandom, type Transport } from "@halon/runtime";
import { openTransportNats } from "@halon/transport-nats";
import { expect } from "vitest";
import { NatsServer } from "./nats-server.ts";

/** The built service: these tests run what is deployed. */
const PROGRAM = fileURLToPath(new URL("../../services/station-replica/dist/main.js", import.meta.url));
const CLUSTER = "acceptance";
const UNTIL_MS = 90_000;
const POLL_MS = 20;
const ASK_MS = 1_000;
const OUTPUT_CHARS_MAX = 1024 * 1024;

export type Health = Readonly<Record<string, unknown>>;

/** Waits for `condition`; at the deadline it throws with what `describe` says. */
export async function until<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  describe: () => string,
): Promise<T> {
  for (const deadline = Date.now() + UNTIL_MS; Date.now() < deadline; await wait(POLL_MS)) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
  }
  throw new Error(`not within ${UNTIL_MS} ms: ${describe()}`);
}

/** One station as a process, over its lives. */
export class StationProcess {
  readonly node: string;
  readonly dir: string;
  readonly #url: string;
  #child: ChildProcess | undefined;
  /** All it wrote in its lives, the newest of it. */
  output = "";

  constructor(node: string, dir: string, url: string) {
    this.node = node;
    this.dir = dir;
    this.#url = url;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** `flags` come on top of its own, or instead of them. */
  start(flags: Readonly<Record<string, string>> = {}): void {
    if (this.#child !== undefined) throw new Error(`${this.node} runs already`);
    const own = { "--cluster": CLUSTER, "--node": this.node, "--state-dir": this.dir, "--nats-url": this.#url };
    const args = Object.entries({ ...own, "--api-address": "off", ...flags }).flat();
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const keep = (text: string): void => {
      this.output = (this.output + text).slice(-OUTPUT_CHARS_MAX);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", keep);
    this.#child = child;
  }

  /** Its id in the group, as its directory says. */
  get member(): string {
    const text = readFileSync(join(this.dir, "identity.json"), "utf8");
    const { name, incarnation } = JSON.parse(text) as { name: string; incarnation: string };
    return `${name}.${incarnation}`;
  }

  /** Runs the program with another command than `run`. Returns what it prints. */
  perform(command: string, flags: Readonly<Record<string, string>> = {}): string {
    const own = { "--cluster": CLUSTER, "--node": this.node, "--state-dir": this.dir };
    const args = Object.entries({ ...own, ...flags }).flat();
    return execFileSync(process.execPath, [PROGRAM, command, ...args], { encoding: "utf8", stdio: "pipe" }).trim();
  }

  /** Segments of its journal, the oldest first. */
  get segments(): readonly string[] {
    const journal = join(this.dir, "journal");
    const names = readdirSync(journal).filter((name) => name.endsWith(".journal"));
    return names.sort().map((name) => join(journal, name));
  }

  /** Stops it where it stands, or lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  /** Resolves when it is gone, with its exit code. */
  async end(signal?: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) throw new Error(`${this.node} does not run`);
    this.#child = undefined;
    const closed = child.exitCode === null && child.signalCode === null ? once(child, "close") : undefined;
    if (signal !== undefined) child.kill(signal);
    await closed;
    if (child.signalCode !== null) this.output += `ended by ${child.signalCode}\n`;
    return child.exitCode;
  }
}

/** Stations with a nats-server and a client of them. */
export class StationGroup {
  readonly dir = mkdtempSync(join(tmpdir(), "halon-stations-"));
  readonly stations: StationProcess[];
  readonly clusterId: string;
  readonly #nats: NatsServer;
  readonly #transport: Transport;
  readonly #post: Post;
  readonly #stops: (() => void)[] = [];
  readonly #replicator: ReturnType<typeof createStationReplicator>;
  readonly #producer: Producer;

  static async found(...nodes: readonly string[]): Promise<StationGroup> {
    const nats = await NatsServer.start();
    return new StationGroup(nats, await openTransportNats({ servers: [nats.url], name: "test" }), nodes);
  }

  private constructor(nats: NatsServer, transport: Transport, nodes: readonly string[]) {
    this.#nats = nats;
    this.#transport = transport;
    this.stations = nodes.map((node) => new StationProcess(node, join(this.dir, node), nats.url));
    this.clusterId = "";
    for (const { node, dir } of this.stations) {
      const id = this.clusterId === "" ? [] : ["--cluster-id", this.clusterId];
      const own = ["--cluster", CLUSTER, "--node", node, "--state-dir", dir, "--members", nodes.join(",")];
      this.clusterId = execFileSync(process.execPath, [PROGRAM, "init", ...own, ...id], { encoding: "utf8" }).trim();
    }
    const [clock, random] = [systemClock, systemRandom];
    this.#post = new Post(transport, random, { cluster: CLUSTER, sender: "test.client" });
    const ports = { clock, random, post: this.#post };
    const tracker = new EqTracker(ports);
    this.#replicator = createStationReplicator({ ...ports, tracker });
    this.#producer = new Producer("test", { ...ports, replicator: this.#replicator });
    this.#stops.push(
      () => tracker.stop(),
      () => this.#replicator.stop(),
      () => this.#producer.stop(),
    );
  }

  /** The broker of all. */
  get nats(): NatsServer {
    return this.#nats;
  }

  station(node: string): StationProcess {
    const found = this.stations.find((station) => station.node === node);
    if (found === undefined) throw new Error(`no station ${node}`);
    return found;
  }

  /** One more station, with an empty directory; not started. */
  spare(node: string): StationProcess {
    const station = new StationProcess(node, join(this.dir, node), this.#nats.url);
    this.stations.push(station);
    return station;
  }

  startAll(): void {
    for (const station of this.stations) if (!station.isRunning) station.start();
  }

  /** The node that leads, in the eyes of all that run and vote. */
  leader(): Promise<string> {
    return until(
      async () => {
        const running = this.stations.filter(({ isRunning }) => isRunning);
        const views = await Promise.all(running.map(async ({ node }) => await this.health(node)));
        const leaders = new Set(views.filter((view) => view?.["votes"] !== false).map((view) => view?.["leader"]));
        const [leader] = leaders;
        return leaders.size === 1 && typeof leader === "string" && leader;
      },
      () => this.describe("no leader that all agree on"),
    );
  }

  /** Waits until that holds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    await until(condition, () => this.describe(what));
  }

  /** Submits an event; resolves when it is durable. */
  promulgate(text: string): Promise<PromulgateOutcome> {
    return new Promise((done) => this.#producer.promulgate("test.happened", Buffer.from(text), {}, done));
  }

  /** A command straight to the log. */
  command(payload: Uint8Array): Promise<CallOutcome> {
    return new Promise((done) => this.#replicator.update(payload, { idempotent: true }, done));
  }

  /** What the station says of itself; `undefined` when it does not answer. */
  health(node: string): Promise<Health | undefined> {
    const subject = subjectsOf(CLUSTER).health(node, "station-replica");
    return new Promise((done) =>
      this.#post.request(subject, { kind: "healthRequest", value: {} }, "health", ASK_MS, (outcome) =>
        done(outcome.kind === "reply" ? (JSON.parse(outcome.value.status) as Health) : undefined),
      ),
    );
  }

  /** Waits until the station's health is as wanted. */
  healthy(node: string, isWanted: (health: Health) => boolean): Promise<Health> {
    return until(
      async () => {
        const health = await this.health(node);
        return health !== undefined && isWanted(health) && health;
      },
      () => this.describe(`${node} is not as wanted: ${isWanted}`),
    );
  }

  query(node: string, body: QueryBody, minApplied = 0): Promise<QueryReply | undefined> {
    const subject = subjectsOf(CLUSTER).stationQuery(node);
    return new Promise((done) =>
      this.#post.request(
        subject,
        { kind: "query", value: { minApplied, body } },
        "queryReply",
        10 * ASK_MS,
        (outcome) => done(outcome.kind === "reply" ? outcome.value : undefined),
      ),
    );
  }

  /** Texts of all events that the station holds, in order, once it has applied `minApplied`. */
  async events(node: string, minApplied: number): Promise<readonly string[]> {
    const texts: string[] = [];
    for (let after = 0; ; ) {
      const body = { kind: "events", value: { after, limit: 1_000, waitMs: 0 } } as const;
      const { events } = await until(
        async () => {
          const answer = await this.query(node, body, minApplied);
          return answer?.body?.kind === "events" && answer.body.value;
        },
        () => this.describe(`${node} does not answer`),
      );
      const last = events.at(-1);
      if (last === undefined) return texts;
      for (const { event } of events) texts.push(Buffer.from(event?.payload ?? []).toString());
      after = last.position;
    }
  }

  /** Moves the directory away, and puts an empty one in its place. */
  wipe(node: string): void {
    renameSync(join(this.dir, node), join(this.dir, `${node}.away`));
    mkdirSync(join(this.dir, node));
  }

  /** Undoes a wipe. */
  unwipe(node: string): void {
    rmSync(join(this.dir, node), { recursive: true });
    renameSync(join(this.dir, `${node}.away`), join(this.dir, node));
  }

  /** Copies the directory, and returns the copy's path. */
  copy(node: string): string {
    const path = join(this.dir, `${node}.copy`);
    cpSync(join(this.dir, node), path, { recursive: true });
    return path;
  }

  /** Submits events one after the other until `stop` is called, which resolves with the texts of all that were acknowledged. */
  load(prefix: string): { readonly stop: () => Promise<readonly string[]> } {
    let isOver = false;
    const stored: string[] = [];
    const stream = async (lane: number): Promise<void> => {
      for (let at = 0; !isOver; at++) {
        const text = `${prefix}-${lane}-${at}`;
        if ((await this.promulgate(text)).kind === "stored") stored.push(text);
      }
    };
    const lanes = Promise.all([0, 1, 2, 3].map(stream));
    return {
      stop: async () => {
        isOver = true;
        await lanes;
        return stored;
      },
    };
  }

  /** All stations that vote have applied the same events; returns their texts. */
  async history(): Promise<readonly string[]> {
    const leader = await this.leader();
    const number = Number((await this.health(leader))?.["applied"]);
    const running = this.stations.filter(({ isRunning }) => isRunning);
    const histories = await Promise.all(running.map(({ node }) => this.events(node, number)));
    for (const history of histories) expect(history.slice(0, histories[0]?.length)).toEqual(histories[0]);
    return histories[0] ?? [];
  }

  filesOf(node: string): readonly string[] {
    return readdirSync(join(this.dir, node)).sort();
  }

  describe(what: string): string {
    return [what, ...this.stations.map(({ node, output }) => `${node}: ${output.slice(-1_500)}`)].join("\n");
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) stop();
    await Promise.all(this.stations.map(async (each) => each.isRunning && (await each.end("SIGKILL"))));
    await this.#transport.close();
    await this.#nats.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
