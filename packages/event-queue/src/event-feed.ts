import type { QueuedEvent } from "@halon/proto";

export type FeedInput =
  /** What an `ask` came to; `undefined` when there was no answer. */
  | { readonly kind: "answer"; readonly ask: number; readonly events: readonly QueuedEvent[] | undefined }
  /** That many of the delivered events have been dealt with. */
  | { readonly kind: "settled"; readonly count: number }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type FeedOutput =
  | { readonly kind: "ask"; readonly ask: number; readonly after: number; readonly limit: number }
  | { readonly kind: "deliver"; readonly events: readonly QueuedEvent[] }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

/** Events delivered and not settled; no more are asked for meanwhile. */
export const UNSETTLED_MAX = 1_024;
const ASK_LIMIT = 256;
const RETRY_MS = 100;

/**
 * The coordinator's side of the queue, for one epoch; sans-IO. Delivers every event that is not consumed, in order, each
 * once. Begin with a `timer` input.
 */
export class EventFeed {
  #after = 0;
  #unsettled = 0;
  #ask = 0;
  #isAsking = false;

  step(input: FeedInput, nowMs: number): readonly FeedOutput[] {
    const out: FeedOutput[] = [];
    if (input.kind === "settled") this.#unsettled -= input.count;
    else if (input.kind === "answer") {
      if (input.ask !== this.#ask) return out;
      this.#isAsking = false;
      if (input.events === undefined) {
        out.push({ kind: "timer", name: "retry", atMs: nowMs + RETRY_MS });
        return out;
      }
      const events = input.events.filter((event) => event.position > this.#after);
      const last = events.at(-1);
      if (last !== undefined) {
        this.#after = last.position;
        this.#unsettled += events.length;
        out.push({ kind: "deliver", events });
      }
    }
    const room = UNSETTLED_MAX - this.#unsettled;
    if (!this.#isAsking && room > 0) {
      this.#isAsking = true;
      out.push({ kind: "ask", ask: ++this.#ask, after: this.#after, limit: Math.min(room, ASK_LIMIT) });
    }
    return out;
  }
}
