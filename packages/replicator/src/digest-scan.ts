import { readState, StateDigest, type View } from "@halon/replicated-log";
import type { Cancel, Clock } from "@halon/runtime";
import { END } from "./frame.ts";
import { gatherRange } from "./snapshot-range.ts";

/**
 * Computes the digest of a state that does not change meanwhile, in slices of a few milliseconds, and says whether it is the one that the state
 * says itself. `done` is never called from within, nor after cancelling.
 */
export function scanDigest(view: View, clock: Clock, done: (isSound: boolean) => void): Cancel {
  const digest = new StateDigest();
  let from = "";
  const slice = (): void => {
    const range = gatherRange(view, from, END);
    for (const [key, value] of range.entries) digest.add(key, value);
    from = range.to;
    if (from === END) return done(isClaimed(view, digest.toString()));
    cancel = clock.at(clock.nowMs(), slice);
  };
  let cancel = clock.at(clock.nowMs(), slice);
  return () => cancel();
}

/**
 * Whether the state says itself what all of its entries come to, `found`. One that is empty says nothing. One that lacks
 * only what it says of itself is damaged.
 */
export function isClaimed(view: Pick<View, "get">, found: string): boolean {
  const { applied, digest: claimed } = stateOf(view) ?? {};
  if (applied === undefined) return false;
  return claimed === undefined
    ? applied === 0 && found === new StateDigest().toString()
    : applied > 0 && found === claimed;
}

/** `undefined` when what the state says of itself cannot be read. */
function stateOf(view: Pick<View, "get">): ReturnType<typeof readState> | undefined {
  try {
    return readState(view);
  } catch {
    return undefined;
  }
}
