import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, Producer, type PromulgateOptions } from "@halon/event-queue";
import { isName, Post } from "@halon/proto";
import type { LogReplicator } from "@halon/replicator";
import type { Clock, Random, Transport } from "@halon/runtime";
import { ClientError } from "./client-error.ts";
import { type EventKind, encodeEvent } from "./event-kind.ts";
import { GraphAccess } from "./graph-access.ts";
import { Stations } from "./stations.ts";
import { waited } from "./waiting.ts";

export interface HalonClientOptions {
  /** Name of the cluster. */
  readonly cluster: string;
  /** Of this process, NODE.PROGRAM: no other one in the cluster has it. */
  readonly name: string;
}

export interface HalonClientPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
}

export interface SubmitOptions extends PromulgateOptions {
  /** Ends the waiting: the event may have been stored, or be stored yet. */
  readonly signal?: AbortSignal;
}

export interface ClientStatus {
  readonly connected: boolean;
  /** Nodes of the stations, as far as one of them has answered. */
  readonly stations: readonly string[];
  /** Empty when none is known. */
  readonly leader: string;
  /** Events that are not stored yet. */
  readonly eventsWaiting: number;
  /** Calls and watches that are open. */
  readonly open: number;
}

/** Throws `bad-option` with what to write. */
export function checkOptions({ cluster, name }: HalonClientOptions): void {
  if (!isName(cluster))
    throw new ClientError(
      "bad-option",
      `cluster ${JSON.stringify(cluster)}: use 1 to 64 characters of A-Z a-z 0-9 _ -`,
    );
  const parts = name.split(".");
  if (parts.length !== 2 || !parts.every(isName))
    throw new ClientError(
      "bad-option",
      `name ${JSON.stringify(name)}: write NODE.PROGRAM, such as user-1.my-monitor, each of 1 to 64 characters of A-Z a-z 0-9 _ -`,
    );
}

/** A program's way into the cluster: events to the coordinator, and the graph that it decides upon. */
export class HalonClient {
  readonly graph: GraphAccess;
  readonly #transport: Transport;
  readonly #tracker: EqTracker;
  readonly #replicator: LogReplicator;
  readonly #producer: Producer;
  readonly #stations: Stations;
  readonly #open = new Set<(error: ClientError) => void>();
  #isClosed = false;

  /** Takes over the transport: it is closed with the client. Throws `bad-option`. */
  constructor(options: HalonClientOptions, { clock, random, transport }: HalonClientPorts) {
    checkOptions(options);
    const { cluster, name } = options;
    const post = new Post(transport, random, { cluster, sender: name });
    this.#transport = transport;
    this.#tracker = new EqTracker({ clock, random, post });
    const ports = { clock, random, post, tracker: this.#tracker };
    this.#replicator = createStationReplicator(ports);
    this.#producer = new Producer(name, { ...ports, replicator: this.#replicator });
    this.#stations = new Stations({ ...ports, replicator: this.#replicator });
    this.graph = new GraphAccess({ stations: this.#stations, replicator: this.#replicator, open: this.#open });
  }

  get status(): ClientStatus {
    const { stations, leader } = this.#tracker.directory;
    const { waiting: eventsWaiting } = this.#producer;
    return { connected: this.#transport.connected, stations, leader, eventsWaiting, open: this.#open.size };
  }

  /**
   * Resolves when the event is durable: it reaches the coordinator, whatever dies. It is repeated until then, under one id. Throws
   * `bad-event`, `refused`, `full`, `unknown`, `cancelled`, `closed`.
   */
  async submit<Value>(kind: EventKind<Value>, value: Value, { signal, ...options }: SubmitOptions = {}): Promise<void> {
    const payload = encodeEvent(kind, value);
    if (this.#isClosed) throw new ClientError("closed", "this client is closed: open another");
    await waited<void>(signal, this.#open, (done, fail) => {
      this.#producer.promulgate(
        kind.name,
        payload,
        options,
        (outcome: { readonly kind: string; readonly message?: string }) => {
          if (outcome.kind === "stored") done();
          else fail(errorOf(outcome));
        },
      );
      return () => undefined;
    });
  }

  /** What waits ends as `closed`; watches end. Resolves when the connection is closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = new ClientError("closed", "the client was closed: what was submitted may be stored, or not");
    for (const end of this.#open) end(closed);
    this.#producer.stop();
    this.#stations.stop();
    this.#replicator.stop();
    this.#tracker.stop();
    await this.#transport.close();
  }
}

function errorOf({ kind, message }: { readonly kind: string; readonly message?: string }): ClientError {
  if (kind === "full")
    return new ClientError("full", "too many events wait here: do a majority of the stations run? Submit it later");
  return new ClientError(kind === "refused" ? "refused" : "unknown", message ?? `the event came to ${kind}`);
}
