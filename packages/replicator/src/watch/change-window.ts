import { assert } from "@halon/consensus";
import { ANSWER_BYTES_MAX, bytesOf, type StateChange } from "./watch.ts";

export interface WindowLimits {
  /** Changes that are kept. */
  readonly changesMax: number;
  /** Bytes of them, keys included. */
  readonly bytesMax: number;
}

export const WINDOW_DEFAULTS: WindowLimits = { changesMax: 131_072, bytesMax: 16 * 1024 * 1024 };

/** Changes looked at for one answer, rounded up to whole decrees. */
const LOOK_CHANGES_MAX = 16_384;

interface DecreeChanges {
  readonly index: number;
  readonly changes: readonly StateChange[];
  readonly bytes: number;
}

/** Holds the place of what is dropped, so that its memory can go. */
const DROPPED: DecreeChanges = { index: 0, changes: [], bytes: 0 };

export type WindowReading =
  /** All that matches in (after, upTo]. */
  | { readonly kind: "changes"; readonly upTo: number; readonly changes: readonly StateChange[] }
  /** Something behind `after` is not here any more. */
  | { readonly kind: "gone" }
  /** Decree `after` has not come yet. */
  | { readonly kind: "ahead" };

/**
 * The newest changes of a state, decree by decree. Bounded: the oldest go first. It never tells less than all: whoever asks
 * for more than there is, is told so.
 */
export class ChangeWindow {
  readonly #limits: WindowLimits;
  /** In order; those before `#first` are dropped. Decrees that changed nothing are not among them. */
  #decrees: DecreeChanges[] = [];
  #first = 0;
  /** Invariant: of each decree in (from, upTo] all changes are here. */
  #from: number;
  #upTo: number;
  #changesCount = 0;
  #bytesCount = 0;

  constructor(index: number, limits: WindowLimits) {
    this.#limits = limits;
    this.#from = index;
    this.#upTo = index;
  }

  get from(): number {
    return this.#from;
  }

  get upTo(): number {
    return this.#upTo;
  }

  get changesCount(): number {
    return this.#changesCount;
  }

  get bytesCount(): number {
    return this.#bytesCount;
  }

  /** Decree `index` has changed this, and those between it and the one noted before have changed nothing. Takes over `changes`. */
  note(index: number, changes: readonly StateChange[]): void {
    assert(index > this.#upTo, `changes of decree ${index} after those of ${this.#upTo}`);
    this.#upTo = index;
    if (changes.length === 0) return;
    let bytes = 0;
    for (const change of changes) bytes += bytesOf(change);
    this.#decrees.push({ index, changes, bytes });
    this.#changesCount += changes.length;
    this.#bytesCount += bytes;
    // One that no answer has room for goes at once, and with it all before it.
    const isTooLarge = bytes > ANSWER_BYTES_MAX;
    while (isTooLarge ? this.#from < index : this.#isFull) this.#dropFirst();
    if (this.#first > this.#decrees.length / 2) {
      this.#decrees = this.#decrees.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Whole decrees, as many as an answer takes, and as can be looked through at once. */
  read(after: number, prefix: string): WindowReading {
    if (after < this.#from) return { kind: "gone" };
    if (after > this.#upTo) return { kind: "ahead" };
    const found: StateChange[] = [];
    let [bytes, looked] = [0, 0];
    let upTo = after;
    for (let at = this.#placeBehind(after); at < this.#decrees.length; at++) {
      const { index, changes } = this.#decrees[at] as DecreeChanges;
      if (looked >= LOOK_CHANGES_MAX) return { kind: "changes", upTo, changes: found };
      const fitting = changes.filter(({ key }) => key.startsWith(prefix));
      for (const change of fitting) bytes += bytesOf(change);
      if (bytes > ANSWER_BYTES_MAX) return { kind: "changes", upTo, changes: found };
      for (const change of fitting) found.push(change);
      looked += changes.length;
      upTo = index;
    }
    return { kind: "changes", upTo: this.#upTo, changes: found };
  }

  get #isFull(): boolean {
    return this.#changesCount > this.#limits.changesMax || this.#bytesCount > this.#limits.bytesMax;
  }

  #dropFirst(): void {
    const dropped = this.#decrees[this.#first] as DecreeChanges;
    this.#decrees[this.#first++] = DROPPED;
    this.#from = dropped.index;
    this.#changesCount -= dropped.changes.length;
    this.#bytesCount -= dropped.bytes;
  }

  /** Place of the first decree behind `index`. */
  #placeBehind(index: number): number {
    let low = this.#first;
    let high = this.#decrees.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#decrees[middle] as DecreeChanges).index <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
