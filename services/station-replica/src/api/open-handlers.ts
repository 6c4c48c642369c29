import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, Producer } from "@halon/event-queue";
import type { Post } from "@halon/proto";
import type { Clock, Random, Store } from "@halon/runtime";
import type { Station } from "../service.ts";
import { changeStations } from "./change-stations.ts";
import { untilConsumed } from "./consumption.ts";
import { Handlers } from "./handlers.ts";
import { QueueHandlers } from "./queue-handlers.ts";

/** How the API reaches its own station, and the others. */
export interface StationAccess {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  /** What this station has applied. */
  readonly store: Store;
  readonly station: Pick<Station, "ask" | "stations" | "isServing">;
}

/** The handlers of the station on `node`: they read what it has applied, and what they store goes to the leader, wherever it is. */
export function openHandlers(
  node: string,
  access: StationAccess,
): { readonly handlers: Handlers; readonly tracker: Pick<EqTracker, "status">; stop(): void } {
  const { clock, random, post, store, station } = access;
  const ask: Station["ask"] = (query, answer) => station.ask(query, answer);
  const tracker = new EqTracker({ clock, random, post });
  const replicator = createStationReplicator({ clock, random, post, tracker });
  // Without transponders: this is a station already.
  const producer = new Producer(`${node}.station-replica`, { clock, random, post, replicator });
  const handlers = new Handlers({
    cluster: post.cluster,
    queue: new QueueHandlers({ ask, replicator }),
    store,
    ask,
    promulgate: (type, payload, options, done) => producer.promulgate(type, payload, options, done),
    isServing: () => station.isServing,
    stations: () => station.stations(),
    changeStations: (change, signal) =>
      changeStations(
        { stations: () => station.stations(), reconfigure: replicator.reconfigure.bind(replicator) },
        change,
        signal,
      ),
    untilConsumed: (spanMs, signal) => untilConsumed({ clock, replicator, store, ask }, spanMs, signal),
  });
  return {
    handlers,
    tracker,
    stop: () => {
      producer.stop();
      replicator.stop();
      tracker.stop();
    },
  };
}
