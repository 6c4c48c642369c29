import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, Producer, type PromulgateOutcome } from "@halon/event-queue";
import { Post } from "@halon/proto";
import { systemClock, systemRandom, type Transport } from "@halon/runtime";
import { openTransportNats } from "@halon/transport-nats";
import { LocalError } from "./local-error.ts";
import { StationAsker } from "./station-asker.ts";

const CONNECT_MS = 20_000;
/** Name of the launcher on the bus. */
const NAME = "launcher.local-cluster";

/** The launcher's own place on the bus: it asks stations, and submits events. */
export class Bus {
  readonly post: Post;
  readonly asker: StationAsker;
  readonly #transport: Transport;
  readonly #tracker: EqTracker;
  readonly #replicator: ReturnType<typeof createStationReplicator>;
  readonly #producer: Producer;
  #submitted = 0;

  private constructor(transport: Transport, cluster: string) {
    const ports = { clock: systemClock, random: systemRandom };
    this.#transport = transport;
    this.post = new Post(transport, systemRandom, { cluster, sender: NAME });
    this.asker = new StationAsker(this.post);
    this.#tracker = new EqTracker({ ...ports, post: this.post });
    this.#replicator = createStationReplicator({ ...ports, post: this.post, tracker: this.#tracker });
    this.#producer = new Producer(NAME, { ...ports, post: this.post, replicator: this.#replicator });
  }

  /** Throws {@link LocalError} when no broker answers. */
  static async open(urls: readonly string[], cluster: string): Promise<Bus> {
    try {
      const signal = AbortSignal.timeout(CONNECT_MS);
      return new Bus(await openTransportNats({ servers: urls, name: NAME, signal }), cluster);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new LocalError(`no broker at ${urls.join(", ")}: ${why}`);
    }
  }

  get isConnected(): boolean {
    return this.#transport.connected;
  }

  /** Straight to the stations, repeated until it is durable. `seq`: its number among the events of {@link post}'s incarnation. */
  submit(type: string, payload: Uint8Array): { readonly seq: number; readonly outcome: Promise<PromulgateOutcome> } {
    const seq = ++this.#submitted;
    const outcome = new Promise<PromulgateOutcome>((resolve) => this.#producer.promulgate(type, payload, {}, resolve));
    return { seq, outcome };
  }

  async close(): Promise<void> {
    for (const part of [this.#producer, this.#replicator, this.#tracker]) part.stop();
    await this.#transport.close();
  }
}
