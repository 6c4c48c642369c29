import { assertBounds, type StoreEntry, StoreError, type StoreRange, type StoreSnapshot } from "@halon/runtime";
import type { RootDatabase, Transaction } from "lmdb";
import { type State, storedEntries, storedValue } from "./stored.ts";

/** What was committed when it was taken: a read transaction that is kept open. The pages it shows are not used again meanwhile. */
export class LmdbSnapshot implements StoreSnapshot {
  readonly #dir: string;
  readonly #state: State;
  readonly #onRelease: () => void;
  #transaction: Transaction | undefined;

  constructor(dir: string, root: RootDatabase, state: State, onRelease: () => void) {
    this.#dir = dir;
    this.#state = state;
    this.#onRelease = onRelease;
    // Reads of one turn share a transaction, and this one may be from before the last commit.
    root.resetReadTxn();
    this.#transaction = root.useReadTransaction();
  }

  get(key: string): Uint8Array | undefined {
    return storedValue(this.#state, key, this.#open());
  }

  range(range: StoreRange): readonly StoreEntry[] {
    const transaction = this.#open();
    assertBounds(range);
    const { from, to, limit = Number.POSITIVE_INFINITY, reverse = false } = range;
    const found: StoreEntry[] = [];
    if (limit <= 0 || from >= to) return found;
    for (const entry of storedEntries(this.#state, from, to, reverse, transaction)) {
      found.push(entry);
      if (found.length >= limit) break;
    }
    return found;
  }

  release(): void {
    this.#transaction?.done();
    this.#transaction = undefined;
    this.#onRelease();
  }

  #open(): Transaction {
    if (this.#transaction === undefined)
      throw new StoreError("closed", `${this.#dir}: the snapshot is released, or its store closed`);
    return this.#transaction;
  }
}
