import { EventFeed, type FeedInput } from "@halon/event-queue";
import type { QueuedEvent } from "@halon/proto";
import type { Queue } from "./queue.ts";

/** A coordinator as the queue sees it: asks what its feed says, until nothing more comes. */
export class Coordinator {
  readonly received: QueuedEvent[] = [];
  readonly #feed = new EventFeed();
  readonly #queue: Queue;
  #asked: { readonly ask: number; readonly after: number; readonly limit: number } | undefined;

  constructor(queue: Queue) {
    this.#queue = queue;
    this.#step({ kind: "timer", name: "", random: 0 });
  }

  /** Takes what there is; returns what was delivered by this. */
  pull(): readonly QueuedEvent[] {
    const before = this.received.length;
    while (this.#asked !== undefined) {
      const { ask, after, limit } = this.#asked;
      const events = this.#queue.after(after, limit);
      if (events.length === 0) break;
      this.#asked = undefined;
      this.#step({ kind: "answer", ask, events });
    }
    return this.received.slice(before);
  }

  settle(count: number): void {
    this.#step({ kind: "settled", count });
  }

  #step(input: FeedInput): void {
    for (const output of this.#feed.step(input, 0))
      if (output.kind === "deliver") this.received.push(...output.events);
      else if (output.kind === "ask") this.#asked = output;
  }
}
