import type { ClearQueue, ClearResult } from "@halon/proto";
import type { Transaction } from "@halon/replicated-log";
import { LANES } from "./priority.ts";
import { groupsFrom } from "./queue-keys.ts";
import { Departures } from "./queue-state.ts";

/** Groups that one command looks at; the next one goes on behind them. */
export const CLEAR_GROUPS_MAX = 1_024;

/** Removes events of one lane that nobody has consumed, up to a position; see `ClearQueue` in `station.proto`. */
export function clear(state: Transaction, { from, through, type, priority }: ClearQueue): ClearResult {
  const lane = LANES.find((each) => each === priority);
  if (lane === undefined) return { cleared: 0, next: 0 };
  const departures = new Departures(state);
  let cleared = 0;
  let next = 0;
  let groups = 0;
  for (const standing of groupsFrom(state, lane, from, through)) {
    const { position, group } = standing.stored;
    if (++groups > CLEAR_GROUPS_MAX) {
      next = position;
      break;
    }
    if (type !== "" && group.type !== type) continue;
    const to = Math.min(standing.count, through + 1 - position);
    cleared += departures.take(standing, lane, Math.max(0, from - position), to);
  }
  departures.end("cleared", cleared);
  return { cleared, next };
}
