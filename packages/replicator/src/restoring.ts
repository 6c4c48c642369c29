import { INSTALLING_KEY } from "@halon/replicated-log";
import type { Cancel, Clock, Journal, Store } from "@halon/runtime";
import { isClaimed, scanDigest } from "./digest-scan.ts";

/** Records restored before other work of the process gets its turn: a few milliseconds. */
const SLICE_BYTES = 512 * 1024;

export interface RestoringPorts {
  readonly clock: Clock;
  readonly journal: Pick<Journal, "firstSeq" | "writtenSeq" | "read">;
  readonly store: Pick<Store, "get" | "range">;
}

/**
 * What an earlier life has left in the store. `sound`: what it says itself, or nothing at all. `damaged`: something else.
 * `installing`: a peer's state was about to replace it.
 */
export type StoredStateCondition = "sound" | "damaged" | "installing";

/**
 * Reads all that the journal has, record by record, then verifies the state in the store, which may have been read already; in slices. `done` is never called
 * from within, nor after cancelling. Neither must change meanwhile.
 */
export function restoreMember(
  { clock, journal, store }: RestoringPorts,
  restore: (record: Uint8Array, seq: number) => void,
  storeDigest: string | undefined,
  done: (condition: StoredStateCondition) => void,
): Cancel {
  let next = journal.firstSeq;
  const slice = (): void => {
    const records = next > journal.writtenSeq ? [] : journal.read(next, SLICE_BYTES);
    for (const { bytes, seq } of records) restore(bytes, seq);
    next += records.length;
    if (records.length > 0) cancel = clock.at(clock.nowMs(), slice);
    else if (store.get(INSTALLING_KEY) !== undefined) done("installing");
    else if (storeDigest !== undefined) done(isClaimed(store, storeDigest) ? "sound" : "damaged");
    else cancel = scanDigest(store, clock, (isSound) => done(isSound ? "sound" : "damaged"));
  };
  let cancel = clock.at(clock.nowMs(), slice);
  return () => cancel();
}
