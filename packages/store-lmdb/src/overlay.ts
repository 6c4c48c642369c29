import { SortedMap } from "@halon/runtime";

/** What an overlay says of a key that was deleted. */
export const DELETED = null;

export type Change = Uint8Array | typeof DELETED;

/** Memory that a key costs besides its characters and its value's bytes: a round estimate. */
const ENTRY_BYTES = 64;

/** Changes that are written and not yet in the database, the newest per key: what reads look at first. */
export class Overlay {
  readonly #changes = new SortedMap<Change>();
  #bytesCount = 0;

  get size(): number {
    return this.#changes.size;
  }

  /** Roughly what it holds. */
  get bytesCount(): number {
    return this.#bytesCount;
  }

  /** The newest change; undefined when there is none. */
  get(key: string): Change | undefined {
    return this.#changes.get(key);
  }

  set(key: string, change: Change): void {
    const before = this.#changes.set(key, change);
    this.#bytesCount += before === undefined ? costOf(key, change) : bytesOf(change) - bytesOf(before);
  }

  /** All there is, in no order. */
  all(): Iterable<readonly [key: string, change: Change]> {
    return this.#changes.unordered();
  }

  entries(from: string, to: string, reverse: boolean): Iterable<readonly [key: string, change: Change]> {
    return this.#changes.entries(from, to, reverse);
  }
}

/** What a change adds to {@link Overlay.bytesCount}. */
export const costOf = (key: string, change: Change): number => ENTRY_BYTES + key.length + bytesOf(change);

const bytesOf = (change: Change): number => (change === DELETED ? 0 : change.length);

/** Entries of both, in key order; where both have a key, `upper`'s. Each must be in that order itself. */
export function* merged<Value>(
  upper: Iterable<readonly [string, Value]>,
  lower: Iterable<readonly [string, Value]>,
  reverse: boolean,
): Generator<readonly [key: string, value: Value]> {
  const below = lower[Symbol.iterator]();
  try {
    let next = below.next();
    for (const entry of upper) {
      while (!next.done && (reverse ? next.value[0] > entry[0] : next.value[0] < entry[0])) {
        yield next.value;
        next = below.next();
      }
      if (!next.done && next.value[0] === entry[0]) next = below.next();
      yield entry;
    }
    for (; !next.done; next = below.next()) yield next.value;
  } finally {
    below.return?.();
  }
}
