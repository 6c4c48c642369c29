import { parseSpecText } from "@halon/cluster-spec";
import type { PromulgateOptions, PromulgateOutcome } from "@halon/event-queue";
import { encodeEventPayload, type Query, type QueryReply } from "@halon/proto";
import { GraphError } from "@halon/resource-graph";
import type { StationView } from "../station-list.ts";
import { ApiError } from "./api-error.ts";
import type { CallEnd } from "./call-scope.ts";
import type { StationsChange, StationsChanged } from "./change-stations.ts";
import { GraphReader, type GraphStore, type VertexEntry } from "./graph-reader.ts";
import { priorityNamed, type QueueHandlers } from "./queue-handlers.ts";
import { nodesOf, servicesOf } from "./summaries.ts";

export interface HandlerPorts {
  readonly queue: QueueHandlers;
  readonly cluster: string;
  /** What this station has applied. */
  readonly store: GraphStore;
  /** Asks this station. */
  readonly ask: (query: Query, answer: (reply: QueryReply) => void) => void;
  readonly promulgate: (
    type: string,
    payload: Uint8Array,
    options: PromulgateOptions,
    done: (outcome: PromulgateOutcome) => void,
  ) => void;
  /** Whether `store` may be read: not while it is being replaced. */
  readonly isServing: () => boolean;
  /** Stations that vote, or were heard lately. */
  readonly stations: () => readonly StationView[];
  readonly changeStations: (change: StationsChange, signal: AbortSignal) => Promise<StationsChanged>;
  /** Resolves true once the coordinator has consumed all events that are queued now; false when it takes too long. */
  readonly untilConsumed: (spanMs: number, signal: AbortSignal) => Promise<boolean>;
}

/** How long `Apply` waits for the coordinator before it says that the specification is stored, but not handled yet. */
export const HANDLE_MS_MAX = 5_000;
/** Vertices of one page, and edges of one vertex. */
const LIMIT_MAX = 1_000;
/** Edges of one page: it ends with the vertex that reaches it. */
const PAGE_EDGES = 2_000;
/** Characters of one page's values: it ends with the value that reaches them. */
const PAGE_CHARS = 1024 * 1024;

/** The methods of `halon.v1.Halon`, as functions of what was decoded. All throw {@link ApiError} only; signals abort with a {@link CallEnd}. */
export class Handlers {
  readonly #ports: HandlerPorts;
  readonly #graph: GraphReader;
  readonly queue: QueueHandlers;

  constructor(ports: HandlerPorts) {
    this.#ports = ports;
    this.queue = ports.queue;
    this.#graph = new GraphReader(ports.store);
  }

  async getStatus() {
    const { applied, body } = await new Promise<QueryReply>((resolve) =>
      this.#ports.ask({ minApplied: 0, body: { kind: "status", value: {} } }, resolve),
    );
    if (body?.kind !== "status") throw new ApiError("UNAVAILABLE", "this station tells no status: ask another");
    const { node: station, lease, ...status } = body.value;
    const isServing = this.#ports.isServing();
    return {
      ...status,
      applied,
      cluster: this.#ports.cluster,
      station,
      epoch: lease?.epoch ?? 0,
      coordinator: lease?.holder ?? "",
      checkpoint: lease?.checkpoint ?? 0,
      ...(isServing ? nodesOf(this.#graph) : { nodes: [], moreNodes: false }),
    };
  }

  async listStations() {
    const { station, leader, applied, clusterId } = await this.getStatus();
    return { clusterId, station, leader, applied, stations: this.#ports.stations() };
  }

  changeStations(change: StationsChange, signal: AbortSignal): Promise<StationsChanged> {
    return this.#ports.changeStations(change, signal);
  }

  async submitEvent(
    {
      type,
      payload,
      priority = "",
    }: { readonly type: string; readonly payload: Uint8Array; readonly priority?: string },
    signal: AbortSignal,
  ) {
    const named = priorityNamed(priority);
    await this.#submit(type, payload, signal, named === undefined ? {} : { priority: named });
    return {};
  }

  queryGraph({ type, id, after, limit }: { type: string; id: string; after: string; limit: number }) {
    return this.#asked(() => {
      if (type === "") {
        const vertices = this.#graph.types().map((name) => ({ type: name, id: "", value: "", edges: [] }));
        return { vertices, more: false };
      }
      if (id === "") return this.#page(type, after, Math.min(limit || LIMIT_MAX, LIMIT_MAX));
      const vertex = this.#graph.vertex(type, id);
      if (vertex === undefined) throw new ApiError("NOT_FOUND", `there is no ${type} ${JSON.stringify(id)}`);
      return { vertices: [this.#withEdges(vertex, this.#graph.relations())], more: false };
    });
  }

  async apply({ text, prune }: { readonly text: string; readonly prune: boolean }, signal: AbortSignal) {
    const outcome = parseSpecText(text);
    if (outcome.kind === "mistakes") return { mistakes: outcome.mistakes, handled: false, services: 0 };
    const { json, spec } = outcome;
    await this.#submit("cluster-spec", encodeEventPayload({ kind: "clusterSpec", value: { json, prune } }), signal);
    const handled = await this.#ports.untilConsumed(HANDLE_MS_MAX, signal);
    return { mistakes: [], handled, services: spec.services.length };
  }

  listServices({ after }: { readonly after: string }) {
    return this.#asked(() => servicesOf(this.#graph, after));
  }

  #page(type: string, after: string, limit: number) {
    const relations = this.#graph.relations();
    const vertices = [];
    let edges = 0;
    let chars = 0;
    for (const entry of this.#graph.vertices(type, after)) {
      if (vertices.length === limit || edges >= PAGE_EDGES || chars >= PAGE_CHARS) return { vertices, more: true };
      const vertex = this.#withEdges(entry, relations);
      edges += vertex.edges.length;
      chars += vertex.value.length;
      vertices.push(vertex);
    }
    return { vertices, more: false };
  }

  #asked<Result>(read: () => Result): Result {
    if (!this.#ports.isServing())
      throw new ApiError("UNAVAILABLE", "the state of this station is being replaced: ask another");
    try {
      return read();
    } catch (error) {
      if (error instanceof GraphError) throw new ApiError("INVALID_ARGUMENT", error.message);
      throw error;
    }
  }

  #withEdges(vertex: VertexEntry, relations: readonly string[]) {
    const edges = this.#graph.edges(vertex.type, vertex.id, relations, LIMIT_MAX + 1);
    return { ...vertex, edges: edges.slice(0, LIMIT_MAX), moreEdges: edges.length > LIMIT_MAX };
  }

  /** Resolves when the event is durable. */
  #submit(type: string, payload: Uint8Array, signal: AbortSignal, options: PromulgateOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(unknown(signal.reason as CallEnd));
      if (signal.aborted) return leave();
      signal.addEventListener("abort", leave, { once: true });
      this.#ports.promulgate(type, payload, options, (outcome) => {
        signal.removeEventListener("abort", leave);
        if (outcome.kind === "stored") return resolve();
        if (outcome.kind === "refused") return reject(new ApiError("INVALID_ARGUMENT", outcome.message));
        if (outcome.kind === "unknown") return reject(new ApiError("DEADLINE_EXCEEDED", outcome.message));
        const why = "too many events wait at this station: do a majority of the stations run? Try again later";
        reject(new ApiError("RESOURCE_EXHAUSTED", why));
      });
    });
  }
}

/** What a timeout means: nothing is known. */
function unknown(end: CallEnd): ApiError {
  if (end === "stopping")
    return new ApiError("UNAVAILABLE", "this station stops; whether the event is stored is not known: ask another");
  return new ApiError(
    "DEADLINE_EXCEEDED",
    "no majority of the stations has answered in time. The event may be stored, now or later: this station goes on " +
      "trying. Look at the status, and submit it again only if twice does no harm",
  );
}
