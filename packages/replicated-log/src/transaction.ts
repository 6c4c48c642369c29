import { assert } from "@halon/consensus";

export type Change =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: string };

export interface KeyRange {
  readonly from: string;
  /** Exclusive. */
  readonly to: string;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** What the log needs of a store: sorted ASCII keys, and atomic batches that reads see at once. */
export interface AppliedStore {
  get(key: string): Uint8Array | undefined;
  range(range: KeyRange): readonly (readonly [string, Uint8Array])[];
  write(changes: readonly Change[]): void;
}

/** The state as a command or a query sees it. */
export interface View {
  get(key: string): Uint8Array | undefined;
  range(range: KeyRange): readonly (readonly [string, Uint8Array])[];
}

/** Changes of one decree, visible to the commands that follow in it, before they are written together. */
export class Transaction implements View {
  readonly #store: AppliedStore;
  readonly #changed = new Map<string, Uint8Array | undefined>();

  constructor(store: AppliedStore) {
    this.#store = store;
  }

  get(key: string): Uint8Array | undefined {
    return this.#changed.has(key) ? this.#changed.get(key) : this.#store.get(key);
  }

  put(key: string, value: Uint8Array): void {
    this.#changed.set(key, value);
  }

  delete(key: string): void {
    this.#changed.set(key, undefined);
  }

  range(range: KeyRange): readonly (readonly [string, Uint8Array])[] {
    const { from, to, limit = Number.POSITIVE_INFINITY, reverse = false } = range;
    assert(limit >= 1, `range with limit ${limit}`);
    const changed = [...this.#changed].filter(([key]) => key >= from && key < to);
    if (changed.length === 0) return this.#store.range(range);
    // Each change can hide one stored entry, so that many more may be needed.
    const stored = this.#store.range({ from, to, reverse, ...(range.limit && { limit: limit + changed.length }) });
    const merged = new Map(stored);
    for (const [key, value] of changed) {
      if (value === undefined) merged.delete(key);
      else merged.set(key, value);
    }
    const sorted = [...merged].sort(([a], [b]) => (a < b ? -1 : 1));
    return (reverse ? sorted.reverse() : sorted).slice(0, limit);
  }

  /** Writes all changes as one batch. The transaction is spent. */
  commit(): void {
    const changes = [...this.#changed].map(
      ([key, value]): Change => (value === undefined ? { kind: "delete", key } : { kind: "put", key, value }),
    );
    this.#store.write(changes);
  }
}
