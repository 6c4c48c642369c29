import { mkdirSync } from "node:fs";
import { encodeEventPayload } from "@halon/proto";
import { Broker } from "./broker.ts";
import { Bus } from "./bus.ts";
import { endEverything, endLeftovers } from "./ending.ts";
import { foundStation } from "./found-station.ts";
import { type Foundation, forget, openFoundation } from "./founding.ts";
import { EMPTY_GRAPH, type GraphPicture } from "./graph-view.ts";
import { askHealth } from "./health-poll.ts";
import { LocalError } from "./local-error.ts";
import type { NatsFound } from "./nats-finder.ts";
import { planNodes, type Shape } from "./node-plan.ts";
import { Nodes } from "./nodes.ts";
import { ProcessTable, signalProcess } from "./process-table.ts";
import type { StateDir } from "./state-dir.ts";
import type { StationAnswer } from "./station-asker.ts";
import { type ClusterView, troubles, viewOf } from "./view.ts";
import { inTime, notYet, until, yes } from "./waiting.ts";

const READY_MS = 60_000;
const NODES_MS = 30_000;
const APPLY_MS = 20_000;

export interface LocalClusterOptions {
  readonly root: string;
  readonly dir: StateDir;
  readonly nats: NatsFound;
  readonly natsPort: number;
  readonly shape: Partial<Shape>;
  readonly isFresh: boolean;
  readonly say: (line: string) => void;
}

/**
 * A cluster on this machine: a broker, and one agent per node, each with its services. It is the init system of all these
 * nodes. Who opens it holds the lock of its state directory, and calls {@link stop} at the end, whatever happens.
 */
export class LocalCluster {
  readonly dir: StateDir;
  readonly foundation: Foundation;
  readonly broker: Broker;
  readonly nodes: Nodes;
  readonly bus: Bus;
  readonly table: ProcessTable;
  readonly #say: (line: string) => void;
  #graph: GraphPicture = EMPTY_GRAPH;
  #stopped: Promise<void> | undefined;

  private constructor(
    parts: Pick<LocalCluster, "dir" | "foundation" | "broker" | "nodes" | "bus" | "table">,
    say: (line: string) => void,
  ) {
    const { dir, foundation, broker, nodes, bus, table } = parts;
    [this.dir, this.foundation, this.broker, this.nodes, this.bus, this.table] = [
      dir,
      foundation,
      broker,
      nodes,
      bus,
      table,
    ];
    this.#say = say;
  }

  /** Ends what an earlier launcher has left, founds the cluster if it is new, starts everything. Throws {@link LocalError}. */
  static async open(options: LocalClusterOptions): Promise<LocalCluster> {
    const { root, dir, say } = options;
    const table = new ProcessTable(dir.path);
    await endLeftovers(table, say);
    if (options.isFresh) forget(dir);
    mkdirSync(dir.logs, { recursive: true });
    const foundation = await openFoundation(dir, options.shape, (station, its) =>
      foundStation(station, its, root, dir),
    );
    say(`${foundation.isNew ? "founded" : "resuming"} cluster ${foundation.cluster}`);
    const broker = openBroker(options);
    try {
      await broker.start();
      const bus = await Bus.open(broker.urls, foundation.cluster);
      const nodes = openNodes(options, foundation, broker.urls);
      for (const { name } of nodes.plan) nodes.switchOn(name);
      return new LocalCluster({ dir, foundation, broker, nodes, bus, table }, say);
    } catch (error) {
      broker.release();
      await endEverything(table, true, say);
      throw error;
    }
  }

  get stations(): readonly string[] {
    return this.nodes.plan.flatMap(({ name, kind }) => (kind === "station" ? [name] : []));
  }

  /** What all stations that answer say of themselves. */
  async askStations(): Promise<ReadonlyMap<string, StationAnswer>> {
    const answers = await Promise.all(
      this.stations.map(async (station) => [station, await this.bus.asker.status(station)] as const),
    );
    return new Map(answers.flatMap(([station, answer]) => (answer === undefined ? [] : [[station, answer]])));
  }

  /** Of the station that has applied most; as it was when none answers. */
  async readGraph(stations: ReadonlyMap<string, StationAnswer>): Promise<GraphPicture> {
    const [newest] = [...stations].sort(([, a], [, b]) => b.applied - a.applied);
    const graph = newest && (await this.bus.asker.graph(newest[0]));
    if (graph !== undefined) this.#graph = graph;
    return this.#graph;
  }

  /** Looks at everything. */
  async look(): Promise<ClusterView> {
    const stations = await this.askStations();
    const graph = await this.readGraph(stations);
    const answering = new Map<string, number>();
    await Promise.all(
      graph.instances.map(async ({ id, port, node }) => {
        const answer = port === 0 || node === undefined ? undefined : await askHealth(port);
        if (answer?.instance === id || answer?.instance === "") answering.set(id, answer.pid);
      }),
    );
    const { isOurs, urls } = this.broker;
    return viewOf({
      plan: this.nodes.plan,
      offNodes: this.nodes.off,
      processes: this.table.scan(),
      stations,
      graph,
      answering,
      nats: { url: urls.join(","), isOurs, isConnected: this.bus.isConnected },
    });
  }

  /**
   * Declares services, as {@link readSpec} gives them, once all nodes can take instances: so they are spread over all of
   * them. Nodes that do not come up are not waited for without end. Throws {@link LocalError}.
   */
  async apply(json: string, signal?: AbortSignal): Promise<void> {
    await this.#untilNodesReady(signal).catch((error: unknown) => {
      if (!(error instanceof LocalError)) throw error;
      this.#say(`${error.message}; services are declared without them`);
    });
    const payload = encodeEventPayload({ kind: "clusterSpec", value: { json, prune: false } });
    const { outcome } = this.bus.submit("cluster-spec", payload);
    const settled = await inTime(outcome, {
      what: "the services to be declared",
      deadlineMs: APPLY_MS,
      lookAt: this.dir.logs,
    });
    if (settled.kind !== "stored") throw new LocalError(`the services were not taken: ${JSON.stringify(settled)}`);
  }

  async #untilNodesReady(signal?: AbortSignal): Promise<void> {
    const options = { what: "all nodes to begin their sessions", deadlineMs: NODES_MS, lookAt: this.dir.logs };
    await until(signal === undefined ? options : { ...options, signal }, async () => {
      const { nodes } = await this.readGraph(await this.askStations());
      const missing = this.nodes.plan.filter(
        ({ name }) => !nodes.some((node) => node.name === name && node.state === "up" && node.isReady),
      );
      return missing.length === 0 ? yes(undefined) : notYet(`${missing.map(({ name }) => name).join(", ")} have not`);
    });
  }

  /** Resolves when all that is declared runs and answers, and nothing is missing. Throws {@link LocalError} that says what is. */
  async untilWell(signal?: AbortSignal, deadlineMs = READY_MS): Promise<ClusterView> {
    const options = { what: "the cluster to be complete", deadlineMs, lookAt: this.dir.logs };
    return until(signal === undefined ? options : { ...options, signal }, async () => {
      const view = await this.look();
      const wrong = troubles(view);
      return wrong.length === 0 ? yes(view) : notYet(wrong.slice(0, 4).join("; "));
    });
  }

  /** Ends everything, nothing stays behind: in good order as long as it takes not too long, then by force. */
  stop(isHurried = false): Promise<void> {
    const isFirst = this.#stopped === undefined;
    if (!isFirst && isHurried) this.#killEverything();
    this.#stopped ??= this.#stop(isHurried);
    return this.#stopped;
  }

  async #stop(isHurried: boolean): Promise<void> {
    for (const { name } of this.nodes.plan) this.nodes.switchOff(name);
    this.broker.release();
    const closed = this.bus.close().catch(() => undefined);
    await endEverything(this.table, isHurried, this.#say);
    await closed;
  }

  #killEverything(): void {
    for (const each of this.table.scan()) signalProcess(each, "SIGKILL");
  }
}

function openBroker({ nats, natsPort, dir, say }: LocalClusterOptions): Broker {
  const broker: Broker = new Broker({
    found: nats,
    port: natsPort,
    dir,
    onChange: (ended) => {
      if (ended !== undefined && !broker.isOff) say(`nats-server ended (${ended}): it is started again in 1 s`);
    },
  });
  return broker;
}

function openNodes(
  { root, dir, say }: LocalClusterOptions,
  { cluster, clusterId, shape }: Foundation,
  natsUrls: readonly string[],
): Nodes {
  const plan = planNodes(shape);
  const stations = plan.flatMap(({ name, kind }) => (kind === "station" ? [name] : []));
  const facts = { cluster, clusterId, stations, natsUrls, root, dir };
  const nodes: Nodes = new Nodes(plan, facts, (node, ended) => {
    if (ended !== undefined && !nodes.off.has(node))
      say(`the agent of ${node} ended (${ended}): it is started again in 1 s`);
  });
  return nodes;
}
