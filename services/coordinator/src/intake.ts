import { EventFeed, type FeedAsk, type LaneNumber } from "@halon/event-queue";
import type { LanePiece, PositionRange } from "@halon/proto";
import type { Engine } from "@halon/rules";
import { assert } from "@halon/runtime";

interface Given {
  readonly lane: LaneNumber;
  readonly position: number;
}

/**
 * From the queue to the rules. An event is given when it would be begun with at once, and no sooner: an urgent one never
 * waits behind others that only wait.
 */
export class Intake {
  readonly #feed: EventFeed;
  /** In order; those before `#next` have been consumed. */
  #given: Given[] = [];
  #next = 0;

  /** `first`: position of the event that is half dealt with. */
  constructor(first: number | undefined) {
    this.#feed = new EventFeed(first);
  }

  /** Events that have come and were not given to the rules. */
  get waiting(): number {
    return this.#feed.waiting;
  }

  asks(nowMs: number): readonly FeedAsk[] {
    return this.#feed.asks(nowMs);
  }

  askAgainAtMs(nowMs: number): number | undefined {
    return this.#feed.askAgainAtMs(nowMs);
  }

  onAnswer(ask: number, pieces: readonly LanePiece[] | undefined, nowMs: number): void {
    this.#feed.onAnswer(ask, pieces, nowMs);
  }

  /** Gives as many as there is room for. */
  fill(engine: Engine): void {
    while (engine.isIdle) {
      const event = this.#feed.next();
      if (event === undefined) return;
      const { lane, position } = event;
      this.#given.push({ lane, position });
      assert(engine.onEvent(event), `event ${position} was given before there was room for it`);
    }
  }

  /**
   * What a turn has consumed, as ranges. As the rules consume events in the order in which they were given, and those of a
   * lane are given in its order, no other event of the lane stands between them.
   */
  consumed(positions: readonly number[]): readonly PositionRange[] {
    const ranges = new Map<LaneNumber, PositionRange>();
    for (const position of positions) {
      const given = this.#given[this.#next++];
      assert(given?.position === position, `event ${position} is consumed, and ${given?.position} is the oldest given`);
      const range = ranges.get(given.lane);
      ranges.set(given.lane, { first: range?.first ?? position, last: position, priority: given.lane });
    }
    if (this.#next * 2 > this.#given.length) {
      this.#given = this.#given.slice(this.#next);
      this.#next = 0;
    }
    return [...ranges.values()];
  }
}
