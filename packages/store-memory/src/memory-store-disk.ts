import { SortedMap, type StoreChange, StoreError } from "@halon/runtime";

export type Batch = readonly StoreChange[];

/** The store that is open on a disk, as the disk sees it. */
export interface OpenStore {
  /** Batches that are not durable yet, oldest first. */
  waiting(): readonly Batch[];
  /** Stops for good without a word. */
  die(): void;
}

/** Applies one batch to a map, change by change. */
export function applyBatch(entries: SortedMap<Uint8Array>, batch: Batch): void {
  for (const change of batch) {
    if (change.kind === "put") entries.set(change.key, change.value);
    else if (change.kind === "delete") entries.delete(change.key);
    else for (const [key] of [...entries.entries(change.from, change.to)]) entries.delete(key);
  }
}

/** Of its own: changes to one do not show in the other. Values are shared, as they are never changed. */
export function copyOf(entries: SortedMap<Uint8Array>): SortedMap<Uint8Array> {
  const copy = new SortedMap<Uint8Array>();
  for (const [key, value] of entries.entries("", "\x7f")) copy.set(key, value);
  return copy;
}

/**
 * What outlives the process: the durable state of one store. The faults of a disk are its methods; which and when is the
 * caller's choice, from its seed.
 */
export class MemoryStoreDisk {
  #durable = new SortedMap<Uint8Array>();
  #identity: string | undefined;
  #open: OpenStore | undefined;
  #nextCommitFails = false;

  /** Power goes. The open store is dead. Of the batches that were not durable the first `keepBatches` survive. */
  crash(keepBatches = 0): void {
    const store = this.#open;
    if (store === undefined) return;
    for (const batch of store.waiting().slice(0, keepBatches)) applyBatch(this.#durable, batch);
    store.die();
    this.#open = undefined;
  }

  /** The next commit fails, and with it the store for good. */
  failNextCommit(): void {
    this.#nextCommitFails = true;
  }

  /** Loses everything, as a replaced disk. The open store is dead. */
  wipe(): void {
    this.crash();
    this.#durable = new SortedMap();
    this.#identity = undefined;
  }

  /** For the store: takes the disk and returns a copy of what is on it. Throws a StoreError. */
  attach(store: OpenStore, identity: string): SortedMap<Uint8Array> {
    if (this.#open !== undefined) throw new StoreError("in-use", "the store is open already: close it first");
    this.#identity ??= identity;
    if (this.#identity !== identity)
      throw new StoreError("foreign", `this store belongs to ${this.#identity}, not to ${identity}`);
    this.#open = store;
    return copyOf(this.#durable);
  }

  /** For the store: gives the disk back. */
  detach(store: OpenStore): void {
    if (this.#open === store) this.#open = undefined;
  }

  /** For the store: makes `batches` durable. False when the disk fails. */
  take(batches: readonly Batch[]): boolean {
    if (this.#nextCommitFails) {
      this.#nextCommitFails = false;
      return false;
    }
    for (const batch of batches) applyBatch(this.#durable, batch);
    return true;
  }
}
