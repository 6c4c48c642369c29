import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, Producer } from "@halon/event-queue";
import type { Post, Query, QueryReply } from "@halon/proto";
import type { Clock, Random, Store } from "@halon/runtime";
import { untilConsumed } from "./consumption.ts";
import { Handlers } from "./handlers.ts";

/** How the API reaches its own station, and the others. */
export interface StationAccess {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  /** What this station has applied. */
  readonly store: Store;
  /** Asks this station; a query for what is not applied yet is answered when it is. */
  readonly ask: (query: Query, answer: (reply: QueryReply) => void) => void;
}

/** The handlers of the station on `node`: they read what it has applied, and what they store goes to the leader, wherever it is. */
export function openHandlers(node: string, access: StationAccess): { readonly handlers: Handlers; stop(): void } {
  const { clock, random, post, store, ask } = access;
  const tracker = new EqTracker({ clock, random, post });
  const replicator = createStationReplicator({ clock, random, post, tracker });
  // Without transponders: this is a station already.
  const producer = new Producer(`${node}.station-replica`, { clock, random, post, replicator });
  const handlers = new Handlers({
    cluster: post.cluster,
    store,
    ask,
    promulgate: (type, payload, options, done) => producer.promulgate(type, payload, options, done),
    untilConsumed: (spanMs, signal) => untilConsumed({ clock, replicator, store, ask }, spanMs, signal),
  });
  return {
    handlers,
    stop: () => {
      producer.stop();
      replicator.stop();
      tracker.stop();
    },
  };
}
