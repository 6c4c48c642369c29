import { consume, enqueue, eventsAfter, queuedCount } from "@halon/event-queue";
import type { EnqueueOutcome, Event, QueuedEvent } from "@halon/proto";
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
    const transaction = new Transaction(this.store);
    const outcomes = enqueue(transaction, events, this.logTimeMs);
    transaction.commit();
    return outcomes;
  }

  consume(...positions: readonly number[]): void {
    const transaction = new Transaction(this.store);
    consume(transaction, positions);
    transaction.commit();
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
}

export interface EventFields {
  readonly producer?: string;
  readonly incarnation?: string;
  readonly lowest?: number;
  readonly type?: string;
  readonly payload?: Uint8Array;
}

/** An event that is as good as any. */
export function event(seq: number, fields: EventFields = {}): Event {
  const { producer = "p", incarnation = "i", lowest = 1, type = "test", payload = new Uint8Array([seq]) } = fields;
  return { id: { producer, incarnation, seq }, type, payload, traceparent: "", lowest };
}

/** `p/3`, in order. */
export const names = (events: readonly QueuedEvent[]): readonly string[] =>
  events.map((each) => `${each.event?.id?.producer}/${each.event?.id?.seq}`);
