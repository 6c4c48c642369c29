import {
  clear,
  consume,
  enqueue,
  eventsAfter,
  type LaneNumber,
  laneAfter,
  packed,
  queuedCount,
  queueStatus,
  registerProducer,
} from "@halon/event-queue";
import type {
  ClearQueue,
  ClearResult,
  EnqueueOutcome,
  Event,
  EventGroup,
  LanePiece,
  QueuedEvent,
  QueueStatus,
} from "@halon/proto";
import { Transaction } from "@halon/replicated-log";
import { type Store, VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";

/** The queue on a store in memory, each call a decree of its own. */
export class Queue {
  readonly store: Store;
  logTimeMs = 0;

  constructor() {
    const clock = new VirtualClock();
    this.store = openStoreMemory({ disk: new MemoryStoreDisk(), clock, flushMs: 0, identity: "test" });
  }

  enqueue(...events: readonly Event[]): readonly EnqueueOutcome[] {
    return this.#decree((state) => enqueue(state, { events }, this.logTimeMs));
  }

  /** Groups, each of one producer, type and priority. */
  enqueueGroups(...groups: readonly EventGroup[]): readonly EnqueueOutcome[] {
    return this.#decree((state) => enqueue(state, { events: [], groups }, this.logTimeMs));
  }

  register(producer: string, incarnation = "i"): boolean {
    return this.#decree((state) => registerProducer(state, { producer, incarnation }, this.logTimeMs));
  }

  clear(command: Partial<ClearQueue>): ClearResult {
    const rest = { from: 0, through: 0, type: "", priority: 2, by: "test", why: "test" };
    return this.#decree((state) => clear(state, { ...rest, ...command }));
  }

  consumeRange(priority: number, first: number, last: number): void {
    this.#decree((state) => consume(state, [{ first, last, priority }]));
  }

  consume(...positions: readonly number[]): void {
    this.#decree((state) =>
      consume(
        state,
        positions.map((position) => ({ first: position, last: position, priority: 0 })),
      ),
    );
  }

  lane(lane: LaneNumber, after: number): readonly LanePiece[] {
    return laneAfter(this.store, lane, after);
  }

  after(position: number, limit = 10_000): readonly QueuedEvent[] {
    const events = eventsAfter(this.store, position, limit);
    const [first] = events;
    // Else whoever reads on from the last one reads for ever.
    if (first !== undefined && first.position <= position)
      throw new Error(`event ${first.position} given as one behind ${position}`);
    return events;
  }

  get count(): number {
    return queuedCount(this.store);
  }

  get status(): QueueStatus {
    return queueStatus(this.store);
  }

  /** Keys of all that the queue has stored of events. */
  get keys(): readonly string[] {
    return this.store.range({ from: "q/", to: "q0" }).map(([key]) => key);
  }

  #decree<Result>(apply: (state: Transaction) => Result): Result {
    const transaction = new Transaction(this.store);
    const result = apply(transaction);
    transaction.commit();
    return result;
  }
}

export interface EventFields {
  readonly producer?: string;
  readonly incarnation?: string;
  readonly lowest?: number;
  readonly type?: string;
  readonly payload?: Uint8Array;
  readonly priority?: number;
  readonly registered?: boolean;
}

/** An event that is as good as any. */
export function event(seq: number, fields: EventFields = {}): Event {
  const { producer = "p", incarnation = "i", lowest = 1, type = "test", payload = new Uint8Array([seq]) } = fields;
  const { priority = 0, registered = false } = fields;
  return { id: { producer, incarnation, seq }, type, payload, traceparent: "", lowest, priority, registered };
}

/** Events that follow each other from `first` on. */
export function group(first: number, count: number, fields: EventFields = {}): EventGroup {
  const { producer = "p", incarnation = "i", lowest = 1, type = "test", priority = 0, registered = false } = fields;
  const payloads = Array.from({ length: count }, (_, at) => fields.payload ?? new Uint8Array([first + at]));
  const numbers = { producer, incarnation, first, lowest };
  return { ...numbers, type, priority, registered, traceparent: "", ...packed(payloads) };
}

/** `p/3`, in order. */
export const names = (events: readonly QueuedEvent[]): readonly string[] =>
  events.map((each) => `${each.event?.id?.producer}/${each.event?.id?.seq}`);
