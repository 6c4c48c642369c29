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
 * committed part of one on disk, is made of. Reading a range costs what it yields, not what the map holds.
 */
export class SortedMap<Value> {
  readonly #values = new Map<string, Value>();
  /** Invariant: keys ascend within each chunk and from chunk to chunk; no chunk is empty. */
  readonly #chunks: string[][] = [];

  get size(): number {
    return this.#values.size;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Value): void {
    if (!this.#values.has(key)) this.#insert(key);
    this.#values.set(key, value);
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) return;
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at] as string[];
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** Entries with `from <= key < to`, smallest key first, or largest first. The map must not change meanwhile. */
  *entries(from: string, to: string, reverse = false): Generator<readonly [key: string, value: Value]> {
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
