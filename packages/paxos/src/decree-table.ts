import { assert, type Ballot } from "@halon/consensus";
import type { Content } from "./message.ts";

export interface Accepted extends Content {
  readonly ballot: Ballot;
  /** Of its record in the journal. */
  readonly seq: number;
}

/** What a value in memory costs beside its bytes, about. */
const VALUE_OVERHEAD_BYTES = 64;

/**
 * What this member holds of each decree. Decrees up to `chosen` are final: where their record stands in the journal, and
 * the values of the newest of them; the rest, the *open suffix*, is what the acceptor has accepted so far.
 * Invariant: trimmed <= chosen.
 */
export class DecreeTable {
  readonly #cacheBytesMax: number;
  /** Journal seqs of chosen decrees: of `trimmed + 1` at index 0. */
  #seqs: number[] = [];
  #open = new Map<number, Accepted>();
  #openBytes = 0;
  /** Values of chosen decrees, a contiguous run that ends at `chosen`. */
  readonly #cached = new Map<number, Content>();
  #cachedFrom = 1;
  #cachedBytes = 0;
  #trimmed = 0;
  #highest = 0;

  constructor(cacheBytesMax: number) {
    this.#cacheBytesMax = cacheBytesMax;
  }

  /** Decrees up to this one have no record here any more. */
  get trimmed(): number {
    return this.#trimmed;
  }

  /** All decrees up to this one are chosen, and held or trimmed. */
  get chosen(): number {
    return this.#trimmed + this.#seqs.length;
  }

  /** Highest number of the open suffix, `chosen` when it is empty. */
  get highest(): number {
    return Math.max(this.chosen, this.#highest);
  }

  get openCount(): number {
    return this.#open.size;
  }

  get openBytes(): number {
    return this.#openBytes;
  }

  /** What was accepted for a decree that is not known to be chosen. */
  open(number: number): Accepted | undefined {
    return this.#open.get(number);
  }

  accept(number: number, accepted: Accepted): void {
    assert(number > this.chosen, `decree ${number} accepted, though all up to ${this.chosen} are final`);
    this.#openBytes += accepted.value.byteLength - (this.#open.get(number)?.value.byteLength ?? 0);
    this.#open.set(number, accepted);
    this.#highest = Math.max(this.#highest, number);
  }

  /** The next decree is final, with what is held for it. */
  choose(): Accepted {
    const number = this.chosen + 1;
    const held = this.#open.get(number);
    assert(held !== undefined, `decree ${number} is chosen, but not held`);
    this.#open.delete(number);
    this.#openBytes -= held.value.byteLength;
    this.#seqs.push(held.seq);
    this.#cached.set(number, held);
    this.#cachedBytes += held.value.byteLength + VALUE_OVERHEAD_BYTES;
    while (this.#cachedBytes > this.#cacheBytesMax && this.#cachedFrom < number) {
      this.#cachedBytes -= (this.#cached.get(this.#cachedFrom)?.value.byteLength ?? 0) + VALUE_OVERHEAD_BYTES;
      this.#cached.delete(this.#cachedFrom++);
    }
    return held;
  }

  /** After a restart: the next decree was chosen in an earlier life, its record has this seq. */
  restoreChosen(seq: number): void {
    this.#seqs.push(seq);
    this.#cachedFrom = this.chosen + 1;
  }

  /** What was accepted behind a stop sign, in the legislature that it ends, is void. */
  dropOpen(): void {
    this.#open = new Map();
    this.#openBytes = 0;
    this.#highest = 0;
  }

  /** Decrees up to `number` are in the applied state: their records may go. Values in memory stay for others. */
  trim(number: number): void {
    assert(number >= this.#trimmed && number <= this.chosen, `trim ${number} of ${this.#trimmed} … ${this.chosen}`);
    this.#seqs = this.#seqs.slice(number - this.#trimmed);
    this.#trimmed = number;
  }

  /** All decrees up to `number`, of which this member lacks some, are in the applied state now. */
  jump(number: number): void {
    assert(number > this.chosen, `jump to ${number}, though all up to ${this.chosen} are held`);
    for (const [held, { value }] of this.#open)
      if (held <= number) {
        this.#open.delete(held);
        this.#openBytes -= value.byteLength;
      }
    this.#cached.clear();
    this.#cachedBytes = 0;
    this.#cachedFrom = number + 1;
    this.#seqs = [];
    this.#trimmed = number;
  }

  /** A chosen decree, if its value is still in memory. */
  cached(number: number): Content | undefined {
    return this.#cached.get(number);
  }

  /** Journal seq of a chosen decree that is not trimmed. */
  seqOf(number: number): number {
    const seq = this.#seqs[number - this.#trimmed - 1];
    assert(seq !== undefined, `decree ${number} has no record; trimmed ${this.#trimmed}, chosen ${this.chosen}`);
    return seq;
  }

  /** Lowest journal seq that is still needed; `otherwise` when none is. */
  lowestSeq(otherwise: number): number {
    let lowest = otherwise;
    for (const seq of this.#seqs) lowest = Math.min(lowest, seq);
    for (const { seq } of this.#open.values()) lowest = Math.min(lowest, seq);
    return lowest;
  }
}
