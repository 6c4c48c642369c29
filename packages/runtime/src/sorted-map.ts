/** Up to so many new keys are put in their place one by one; of more, a new order is made. */
const INSERTS_MAX = 64;
/** Keys of one chunk before it is split: small enough to insert into, large enough that there are few. */
const CHUNK_KEYS_MAX = 512;

/** Index of the first element that is not below `key`. `keys` ascends. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * A map with its keys in order (of UTF-16 code units: for ASCII, of bytes): what a store in memory, or the not yet
 * committed part of one on disk, is made of. Reading a range costs what it yields, not what the map holds, and once what was
 * added since the last range was read: who never reads one pays for no order.
 */
export class SortedMap<Value> {
  readonly #values = new Map<string, Value>();
  /** Invariant: keys ascend within each chunk and from chunk to chunk; no chunk is empty. */
  #chunks: string[][] = [];
  /**
   * Keys that have no place in `#chunks` yet; in the order of their coming. Invariant: none in `#chunks`. `undefined`, until a
   * range is read: all.
   */
  #unplaced: Set<string> | undefined;

  get size(): number {
    return this.#values.size;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  /** Returns what was there before. */
  set(key: string, value: Value): Value | undefined {
    const before = this.#values.get(key);
    if (this.#unplaced !== undefined && before === undefined && !this.#values.has(key)) this.#unplaced.add(key);
    this.#values.set(key, value);
    return before;
  }

  delete(key: string): void {
    if (!this.#values.delete(key) || this.#unplaced === undefined || this.#unplaced.delete(key)) return;
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at] as string[];
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** All entries, in no order that means anything. */
  unordered(): Iterable<readonly [key: string, value: Value]> {
    return this.#values;
  }

  /** Entries with `from <= key < to`, smallest key first, or largest first. The map must not change meanwhile. */
  *entries(from: string, to: string, reverse = false): Generator<readonly [key: string, value: Value]> {
    this.#place();
    for (const key of reverse ? this.#descend(from, to) : this.#ascend(from, to))
      yield [key, this.#values.get(key) as Value];
  }

  *#ascend(from: string, to: string): Generator<string> {
    for (let at = this.#chunkOf(from); at < this.#chunks.length; at++) {
      const chunk = this.#chunks[at] as string[];
      for (let index = lowerBound(chunk, from); index < chunk.length; index++) {
        const key = chunk[index] as string;
        if (key >= to) return;
        yield key;
      }
    }
  }

  *#descend(from: string, to: string): Generator<string> {
    for (let at = Math.min(this.#chunkOf(to), this.#chunks.length - 1); at >= 0; at--) {
      const chunk = this.#chunks[at] as string[];
      for (let index = lowerBound(chunk, to) - 1; index >= 0; index--) {
        const key = chunk[index] as string;
        if (key < from) return;
        yield key;
      }
    }
  }

  /** The last chunk that begins at or before `key`, else the first: where `key` is, or belongs. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#chunks[middle]?.[0] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  /** Gives all keys their place. */
  #place(): void {
    const unplaced = this.#unplaced ?? this.#values;
    if (this.#unplaced?.size === 0) return;
    if (unplaced.size <= INSERTS_MAX) for (const key of unplaced.keys()) this.#insert(key);
    else {
      // Runs that are in order each are merged in linear time, nearly.
      const keys = [...this.#chunks.flat(), ...[...unplaced.keys()].sort()].sort();
      this.#chunks = [];
      for (let at = 0; at < keys.length; at += CHUNK_KEYS_MAX / 2)
        this.#chunks.push(keys.slice(at, at + CHUNK_KEYS_MAX / 2));
    }
    this.#unplaced = new Set();
  }

  #insert(key: string): void {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([key]);
      return;
    }
    chunk.splice(lowerBound(chunk, key), 0, key);
    if (chunk.length > CHUNK_KEYS_MAX) this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK_KEYS_MAX >> 1));
  }
}
