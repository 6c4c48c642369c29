import { decodePosition, eventsAfter, LAST_POSITION_KEY } from "@halon/event-queue";
import type { Query, QueryReply } from "@halon/proto";
import type { Replicator } from "@halon/replicator";
import type { Cancel, Clock, Store } from "@halon/runtime";

export interface ConsumptionPorts {
  readonly clock: Clock;
  /** Reads the state through the log. */
  readonly replicator: Pick<Replicator, "query">;
  /** What this station has applied. */
  readonly store: Store;
  /** Asks this station; a query for what is not applied yet is answered when it is. */
  readonly ask: (query: Query, answer: (reply: QueryReply) => void) => void;
}

/** Between two looks when the station has no room for one more query that waits. */
const LOOK_MS = 100;
const KEY = new TextEncoder().encode(LAST_POSITION_KEY);

/**
 * Resolves true once all events that were stored before this call have been consumed, as far as this station has applied;
 * false after `spanMs`, or when `signal` says so. The newest of them is read through the log: this station may not have
 * applied an event yet that the leader has acknowledged.
 */
export function untilConsumed(
  { clock, replicator, store, ask }: ConsumptionPorts,
  spanMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    let isOver = false;
    const cancels: Cancel[] = [];
    const end = (isConsumed: boolean): void => {
      if (isOver) return;
      isOver = true;
      for (const cancel of cancels) cancel();
      signal.removeEventListener("abort", giveUp);
      resolve(isConsumed);
    };
    const giveUp = (): void => end(false);
    const look = (last: number, minApplied: number): void =>
      ask({ minApplied, body: { kind: "lease", value: {} } }, ({ applied, body }) => {
        if (isOver) return;
        if (isPast(store, last)) end(true);
        else if (body?.kind !== "refused") look(last, applied + 1);
        else cancels.push(clock.at(clock.nowMs() + LOOK_MS, () => look(last, applied + 1)));
      });
    if (signal.aborted) return resolve(false);
    signal.addEventListener("abort", giveUp);
    cancels.push(
      clock.at(clock.nowMs() + spanMs, giveUp),
      replicator.query(KEY, (outcome) =>
        outcome.kind === "result" ? look(decodePosition(outcome.result), 0) : giveUp(),
      ),
    );
  });
}

/** All events up to position `last` have come, and gone. */
function isPast(store: Store, last: number): boolean {
  if (decodePosition(store.get(LAST_POSITION_KEY)) < last) return false;
  const [first] = eventsAfter(store, 0, 1);
  return first === undefined || first.position > last;
}
