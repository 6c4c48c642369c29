import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Membership } from "@halon/consensus";
import { digestOf, INSTALLING_KEY, readState } from "@halon/replicated-log";
import { type Store, type StoreChange, StoreError } from "@halon/runtime";
import { openStoreLmdb } from "@halon/store-lmdb";
import { formatOwner, STORE_DIR } from "./identity-file.ts";
import type { StationDirectory } from "./station-directory.ts";

/** Bytes copied in one batch. */
const BATCH_BYTES = 8 * 1024 * 1024;
/** Entries read at a time. */
const PAGE_ENTRIES = 128;
const ALL = "\x7f";

/** What a station's applied state says of itself. */
export interface AppliedPosition {
  readonly station: StationDirectory;
  /** Number of the last decree applied; 0: there is no state that can be used. */
  readonly applied: number;
  readonly membership: Membership | undefined;
  /** Why it cannot be used; undefined when it can, or is not there. */
  readonly why: string | undefined;
}

const useless = (station: StationDirectory, why?: string): AppliedPosition => ({
  station,
  applied: 0,
  membership: undefined,
  why,
});

/** Looks how far the applied state is. Nobody else may have it open. */
export async function readPosition(station: StationDirectory): Promise<AppliedPosition> {
  if (!existsSync(join(station.dir, STORE_DIR, "data.mdb"))) return useless(station);
  return withStore(station, (store) => {
    if (store.get(INSTALLING_KEY) !== undefined)
      return useless(station, "it was being replaced by that of another station");
    const { applied, membership } = readState(store);
    return { station, applied, membership: membership?.membership, why: undefined };
  });
}

/** Reads all of it. Says why it cannot be used, when it is not what it says itself. */
export function verifyState(position: AppliedPosition): Promise<AppliedPosition> {
  return withStore(position.station, (store) => {
    const { digest } = readState(store);
    if (digest === undefined || digest === digestOf(store)) return position;
    return useless(position.station, "it is damaged: its digest is not that of its entries");
  });
}

async function withStore(station: StationDirectory, look: (store: Store) => AppliedPosition): Promise<AppliedPosition> {
  let store: Store | undefined;
  try {
    store = await openStoreLmdb({ dir: join(station.dir, STORE_DIR), identity: formatOwner(station.owner) });
    return look(store);
  } catch (error) {
    if (error instanceof StoreError || error instanceof RangeError) return useless(station, error.message);
    throw error;
  } finally {
    await store?.close();
  }
}

/** Copies the state entry by entry, durably, into a new store that belongs to `identity`. */
export async function copyState({ dir, owner }: StationDirectory, to: string, identity: string): Promise<void> {
  const source = await openStoreLmdb({ dir: join(dir, STORE_DIR), identity: formatOwner(owner) });
  const target = await openStoreLmdb({ dir: to, identity });
  try {
    let batch: StoreChange[] = [];
    let bytes = 0;
    const write = (): Promise<void> => {
      target.write(batch);
      [batch, bytes] = [[], 0];
      return new Promise((resolve, reject) => {
        target.onFailure(reject);
        target.flush(resolve);
      });
    };
    for (let from = ""; ; ) {
      const page = source.range({ from, to: ALL, limit: PAGE_ENTRIES });
      for (const [key, value] of page) {
        batch.push({ kind: "put", key, value });
        bytes += key.length + value.byteLength;
        if (bytes >= BATCH_BYTES) await write();
      }
      const last = page.at(-1);
      if (last === undefined) break;
      from = `${last[0]} `;
    }
    await write();
  } finally {
    await source.close();
    await target.close();
  }
}
