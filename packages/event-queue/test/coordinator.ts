import { EventFeed, type FedEvent } from "@halon/event-queue";
import type { Queue } from "./queue.ts";

/** A coordinator as the queue sees it: asks what its feed says, until nothing more comes. */
export class Coordinator {
  readonly received: FedEvent[] = [];
  readonly #feed: EventFeed;
  readonly #queue: Queue;

  constructor(queue: Queue, first?: number) {
    this.#queue = queue;
    this.#feed = new EventFeed(first);
  }

  /** Takes what there is, `countMax` at most; returns what was delivered by this. */
  pull(countMax = Number.POSITIVE_INFINITY): readonly FedEvent[] {
    const before = this.received.length;
    for (;;) {
      let isNews = false;
      for (const { ask, lane, after } of this.#feed.asks(0)) {
        const pieces = this.#queue.lane(lane, after);
        isNews ||= pieces.length > 0;
        this.#feed.onAnswer(ask, pieces, 0);
      }
      while (this.received.length - before < countMax) {
        const event = this.#feed.next();
        if (event === undefined) break;
        this.received.push(event);
      }
      if (!isNews || this.received.length - before >= countMax) return this.received.slice(before);
    }
  }
}
