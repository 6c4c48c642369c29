import { assert, type Ballot } from "@halon/consensus";

export interface Accepted {
  readonly ballot: Ballot;
  readonly value: Uint8Array;
}

/** What a value in memory costs beside its bytes, about. */
const VALUE_OVERHEAD_BYTES = 64;

/**
 * What this member holds of each decree. Decrees up to `chosen` are final: where their record stands in the journal, and
 * the values of the newest of them; the rest, the *open suffix*, is what the acceptor has accepted so far.
 */
export class DecreeTable {
  readonly #cacheBytesMax: number;
  /** Newest journal seq of decree n at index n. Invariant: defined for 1 … chosen. */
  readonly #seqs: (number | undefined)[] = [0];
  readonly #open = new Map<number, Accepted>();
  /** Values of chosen decrees, a contiguous run that ends at `chosen`. */
  readonly #cached = new Map<number, Uint8Array>();
  #cachedFrom = 1;
  #cachedBytes = 0;
  #chosen = 0;

  constructor(cacheBytesMax: number) {
    this.#cacheBytesMax = cacheBytesMax;
  }

  /** All decrees up to this one are chosen, and held. */
  get chosen(): number {
    return this.#chosen;
  }

  /** Highest number of the open suffix, `chosen` when it is empty. */
  get highest(): number {
    return Math.max(this.#chosen, ...this.#open.keys());
  }

  /** What was accepted for a decree that is not known to be chosen. */
  open(number: number): Accepted | undefined {
    return this.#open.get(number);
  }

  accept(number: number, accepted: Accepted, seq: number): void {
    assert(number > this.#chosen, `decree ${number} accepted, though all up to ${this.#chosen} are final`);
    this.#open.set(number, accepted);
    this.#seqs[number] = seq;
  }

  /** The next decree is final, with the value held for it. */
  choose(): Uint8Array {
    const number = this.#chosen + 1;
    const held = this.#open.get(number);
    assert(held !== undefined, `decree ${number} is chosen, but not held`);
    this.#open.delete(number);
    this.#chosen = number;
    this.#cached.set(number, held.value);
    this.#cachedBytes += held.value.byteLength + VALUE_OVERHEAD_BYTES;
    while (this.#cachedBytes > this.#cacheBytesMax && this.#cachedFrom < number) {
      this.#cachedBytes -= (this.#cached.get(this.#cachedFrom)?.byteLength ?? 0) + VALUE_OVERHEAD_BYTES;
      this.#cached.delete(this.#cachedFrom++);
    }
    return held.value;
  }

  /** The value of a chosen decree, if it is still in memory. */
  cached(number: number): Uint8Array | undefined {
    return this.#cached.get(number);
  }

  /** Journal seq of a chosen decree. */
  seqOf(number: number): number {
    const seq = this.#seqs[number];
    assert(number <= this.#chosen && seq !== undefined, `decree ${number} has no record; chosen ${this.#chosen}`);
    return seq;
  }
}
