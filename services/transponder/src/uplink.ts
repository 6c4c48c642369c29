import type { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, type EventOutcome, enqueueOutcomes, Producer } from "@halon/event-queue";
import {
  type Event,
  encodeEventPayload,
  encodeStateCommand,
  type NodeUnreachable,
  type Post,
  type Posted,
} from "@halon/proto";
import { type Clock, Driver, type DriverOutput, type Random } from "@halon/runtime";
import { NODE_UNREACHABLE } from "./core/merge-accusations.ts";
import { UplinkCore, type UplinkInput, type UplinkOutput } from "./core/uplink-core.ts";

export interface UplinkPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  readonly tracker: EqTracker;
}

/** Less than a report is held: a store that takes longer tells nobody anything. */
const STORE_TIMEOUT_MS = 2_000;

type Perform = Exclude<UplinkOutput, DriverOutput>;

/** The way up, bound to the stations; see {@link UplinkCore}. */
export class Uplink {
  readonly #ports: UplinkPorts;
  readonly #core = new UplinkCore();
  readonly #driver: Driver<UplinkInput, Perform>;
  readonly #replicator: ReturnType<typeof createStationReplicator>;
  readonly #producer: Producer;
  readonly #respond = new Map<number, NonNullable<Posted<"report">["respond"]>>();
  #token = 0;
  /** Reports whose sender did not ask for an answer: nobody is acknowledged by them, so they are not worth keeping. */
  #unanswerable = 0;

  constructor(node: string, ports: UplinkPorts) {
    this.#ports = ports;
    const { clock, random, post } = ports;
    this.#replicator = createStationReplicator(ports);
    // Without a tracker: it goes straight to the stations.
    this.#producer = new Producer(`${node}.transponder`, { clock, random, post, replicator: this.#replicator });
    this.#driver = new Driver({ core: this.#core, clock, random, perform: (output) => this.#perform(output) });
  }

  get status(): Readonly<Record<string, unknown>> {
    const edge = { unanswerable: this.#unanswerable, refused: this.#driver.refused };
    return { ...this.#core.status, submitting: this.#producer.waiting, edge };
  }

  take({ value, respond }: Posted<"report">): void {
    if (respond === undefined) {
      this.#unanswerable++;
      return;
    }
    const token = ++this.#token;
    if (this.#driver.submit({ kind: "report", token, events: value.events })) this.#respond.set(token, respond);
  }

  stop(): void {
    this.#driver.stop();
    this.#producer.stop();
    this.#replicator.stop();
    this.#respond.clear();
  }

  #perform(output: Perform): void {
    switch (output.kind) {
      case "store":
        return this.#storeEvents(output.store, output.events);
      case "submit":
        return this.#submit(output.store, output.unreachable);
      case "answer": {
        const respond = this.#respond.get(output.token);
        this.#respond.delete(output.token);
        return respond?.({ kind: "reportAck", value: { outcomes: output.outcomes } });
      }
      case "forget":
        this.#respond.delete(output.token);
        return;
      default:
        return output satisfies never;
    }
  }

  #stored(store: number, outcomes: readonly EventOutcome[] | undefined): void {
    this.#driver.complete({ kind: "stored", store, outcomes });
  }

  #storeEvents(store: number, events: readonly Event[]): void {
    const { clock } = this.#ports;
    const command = encodeStateCommand({ kind: "enqueue", value: { events } });
    const cancelTimeout = clock.at(clock.nowMs() + STORE_TIMEOUT_MS, () => {
      cancel();
      this.#stored(store, undefined);
    });
    const cancel = this.#replicator.update(command, { idempotent: true }, (outcome) => {
      cancelTimeout();
      this.#stored(store, outcome.kind === "result" ? enqueueOutcomes(outcome.result) : undefined);
    });
  }

  #submit(store: number, unreachable: NodeUnreachable): void {
    const payload = encodeEventPayload({ kind: "nodeUnreachable", value: unreachable });
    this.#producer.promulgate(NODE_UNREACHABLE, payload, {}, (outcome) =>
      this.#stored(
        store,
        outcome.kind === "full" || outcome.kind === "unknown" ? undefined : [{ message: "", ...outcome }],
      ),
    );
  }
}
