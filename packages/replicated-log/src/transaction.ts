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

type Entry = readonly [key: string, value: Uint8Array];

/** The state as a command or a query sees it: sorted ASCII keys. */
export interface View {
  get(key: string): Uint8Array | undefined;
  range(range: KeyRange): readonly Entry[];
}

/** What the log needs of a store: a view, and atomic batches that it shows at once. */
export interface AppliedStore extends View {
  write(changes: readonly Change[]): void;
}

/** Stored entries read at a time while changes are mixed into them. */
const PIECE_MIN = 16;
/** Below so many, new keys are put in their place one by one; above, all are sorted anew. */
const INSERTS_MAX = 32;

/** What a deleted key is changed to. */
const DELETED = null;

/** Changes of one decree, visible to the commands that follow in it, before they are written together. */
export class Transaction implements View {
  readonly #store: AppliedStore;
  readonly #changed = new Map<string, Uint8Array | typeof DELETED>();
  /** The keys of `#changed` but those of `#unsorted`, sorted: a range looks at those within it only. */
  #sorted: string[] = [];
  #unsorted: string[] = [];
  /** What was changed since the savepoint, and at the same place what it was then: `undefined` is absent from `#changed`. */
  readonly #undoKeys: string[] = [];
  readonly #undoValues: (Uint8Array | typeof DELETED | undefined)[] = [];

  constructor(store: AppliedStore) {
    this.#store = store;
  }

  get(key: string): Uint8Array | undefined {
    const changed = this.#changed.get(key);
    return changed === undefined ? this.#store.get(key) : (changed ?? undefined);
  }

  put(key: string, value: Uint8Array): void {
    this.#change(key, value);
  }

  delete(key: string): void {
    this.#change(key, DELETED);
  }

  /** From here on changes can be taken back. There is one savepoint at a time: the latest. */
  savepoint(): void {
    this.#undoKeys.length = 0;
    this.#undoValues.length = 0;
  }

  /** Takes back all that was changed since the savepoint. */
  rollback(): void {
    const count = this.#changed.size;
    for (let at = this.#undoKeys.length - 1; at >= 0; at--) {
      const before = this.#undoValues[at];
      if (before === undefined) this.#changed.delete(this.#undoKeys[at] as string);
      else this.#changed.set(this.#undoKeys[at] as string, before);
    }
    this.savepoint();
    if (this.#changed.size === count) return;
    this.#sorted = [];
    this.#unsorted = [...this.#changed.keys()];
  }

  range(range: KeyRange): readonly Entry[] {
    const { from, to, limit = Number.POSITIVE_INFINITY, reverse = false } = range;
    assert(limit >= 1, `range with limit ${limit}`);
    this.#sort();
    const keys = this.#sorted.slice(placeOf(this.#sorted, from), placeOf(this.#sorted, to));
    if (keys.length === 0) return this.#store.range(range);
    return this.#merge({ from, to, limit, reverse }, reverse ? keys.reverse() : keys);
  }

  /** All that was changed, and what it is now; each key once. */
  visit(visitor: (key: string, after: Uint8Array | undefined) => void): void {
    for (const [key, after] of this.#changed) visitor(key, after ?? undefined);
  }

  /** Writes all changes as one batch. The transaction is spent. */
  commit(): void {
    const changes: Change[] = [];
    for (const [key, value] of this.#changed)
      changes.push(value === DELETED ? { kind: "delete", key } : { kind: "put", key, value });
    this.#store.write(changes);
  }

  #change(key: string, value: Uint8Array | typeof DELETED): void {
    const before = this.#changed.get(key);
    if (before === undefined) this.#unsorted.push(key);
    this.#undoKeys.push(key);
    this.#undoValues.push(before);
    this.#changed.set(key, value);
  }

  #sort(): void {
    if (this.#unsorted.length === 0) return;
    if (this.#unsorted.length <= INSERTS_MAX)
      for (const key of this.#unsorted) this.#sorted.splice(placeOf(this.#sorted, key), 0, key);
    else this.#sorted = [...this.#sorted, ...this.#unsorted].sort();
    this.#unsorted = [];
  }

  /** `keys`: the changed ones, in the order asked for. Reads no more of the store than it gives back, or nearly so. */
  #merge(range: Required<KeyRange>, keys: readonly string[]): readonly Entry[] {
    const { limit, reverse } = range;
    const merged: Entry[] = [];
    const piece = new Pieces(this.#store, range);
    for (const key of keys) {
      for (let entry = piece.next; entry !== undefined && isAhead(entry[0], key, reverse); entry = piece.next) {
        merged.push(entry);
        if (merged.length >= limit) return merged;
        piece.take();
      }
      if (piece.next?.[0] === key) piece.take();
      const value = this.#changed.get(key) ?? undefined;
      if (value !== undefined) merged.push([key, value]);
      if (merged.length >= limit) return merged;
    }
    for (let entry = piece.next; entry !== undefined && merged.length < limit; entry = piece.next) {
      merged.push(entry);
      piece.take();
    }
    return merged;
  }
}

/** Stored entries of a range, one after the other. */
class Pieces {
  readonly #view: View;
  #range: Required<KeyRange>;
  #piece: readonly Entry[];
  #at = 0;

  constructor(view: View, range: Required<KeyRange>) {
    this.#view = view;
    this.#range = { ...range, limit: Math.max(PIECE_MIN, range.limit) };
    this.#piece = this.#read();
  }

  get next(): Entry | undefined {
    return this.#piece[this.#at];
  }

  take(): void {
    const last = this.#piece[this.#at++];
    if (this.#at < this.#piece.length || this.#at < this.#range.limit || last === undefined) return;
    // A key followed by the lowest character there is: the next key that can be.
    this.#range = { ...this.#range, ...(this.#range.reverse ? { to: last[0] } : { from: `${last[0]} ` }) };
    this.#piece = this.#read();
    this.#at = 0;
  }

  #read(): readonly Entry[] {
    const { limit, ...range } = this.#range;
    if (range.from >= range.to) return [];
    return this.#view.range(Number.isFinite(limit) ? { ...range, limit } : range);
  }
}

const isAhead = (a: string, b: string, reverse: boolean): boolean => (reverse ? a > b : a < b);

/** How many of `sorted` are below `key`. */
function placeOf(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
