import { fraction, type Journal, type Random, type Store } from "@halon/runtime";

/** Bytes that a journal grows by, at most, before older decrees that are applied are dropped from it. */
export const SNAPSHOT_BYTES_DEFAULT = 64 * 1024 * 1024;

/** In units of that size, what a journal may hold for a member that is taking over a snapshot from here. */
const AWAITED_RATIO = 1.25;

/** In the same units, what a journal may hold for applying that is behind: more is not taken until that is done. */
const FULL_RATIO = 2;

export interface TrimmingPorts {
  readonly journal: Pick<Journal, "bytesCount">;
  readonly store: Pick<Store, "flush">;
  readonly random: Random;
  /** Decrees up to `through` are applied, durably. */
  readonly trim: (through: number) => void;
  /** Somebody is about to ask for the decrees behind this one. */
  readonly awaited: () => number | undefined;
}

/**
 * Bounds the journal: each time it has grown by a third to half of the given size, the applied state is made durable, and the
 * decrees that were applied the time before are dropped. So at least what came since then is kept for members that are a little
 * behind. As space is given back in pieces, one of which reaches a little beyond what was dropped, the journal stays below
 * three times its growth: one and a half times the size. For a member that is taking over a snapshot what follows that is kept
 * longer, but not beyond {@link AWAITED_RATIO}: then it is dropped all the same.
 */
export class Trimming {
  readonly #ports: TrimmingPorts;
  readonly #snapshotBytes: number;
  /** The least that the journal has held since the last time: space is given back bit by bit. 0 in a new life. */
  #leastBytes = 0;
  #growthBytesMax: number;
  #isUnderWay = false;
  /** Applied when the journal was last seen to have grown. */
  #mark = 0;
  /** May be dropped up to here. */
  #due = 0;
  /** Dropped up to here. Invariant: through <= due, but for what {@link trimNow} was told. */
  #through = 0;
  #count = 0;

  constructor(snapshotBytes: number, ports: TrimmingPorts) {
    this.#ports = ports;
    this.#snapshotBytes = snapshotBytes;
    this.#growthBytesMax = this.#drawGrowth();
  }

  /** Times that decrees were dropped. */
  get count(): number {
    return this.#count;
  }

  /** Nothing more is to be taken into the journal: decrees in it wait to be applied, or for the disk of what is applied. */
  isFull(waiting: number): boolean {
    const isBehind = waiting > 0 || this.#isUnderWay;
    return isBehind && this.#ports.journal.bytesCount >= FULL_RATIO * this.#snapshotBytes;
  }

  /** A decree was applied. */
  onApplied(applied: number): void {
    const { bytesCount } = this.#ports.journal;
    this.#leastBytes = Math.min(this.#leastBytes, bytesCount);
    if (bytesCount - this.#leastBytes >= this.#growthBytesMax) {
      this.#due = this.#mark;
      this.#mark = applied;
      this.#startOver();
    }
    if (this.#due > this.#through) this.trimNow(this.#allowed(bytesCount));
  }

  /** Whatever the growth: space is short. Nothing, when it is under way already, or was done. */
  trimNow(through: number): void {
    if (this.#isUnderWay || through <= this.#through) return;
    this.#isUnderWay = true;
    this.#through = through;
    this.#ports.store.flush(() => this.#ports.trim(through));
  }

  /** The journal was told. */
  onTrimmed(): void {
    this.#isUnderWay = false;
    this.#count++;
  }

  /**
   * The state was replaced by one as of decree `applied`, and all before that is dropped. What was asked before may never be
   * answered; nor would be what is asked of decrees that are gone.
   */
  reset(applied: number): void {
    this.#isUnderWay = false;
    this.#mark = applied;
    this.#due = applied;
    this.#through = applied;
    this.#startOver();
  }

  #allowed(bytesCount: number): number {
    const awaited = this.#ports.awaited();
    const isTooMuch = bytesCount >= AWAITED_RATIO * this.#snapshotBytes;
    return awaited === undefined || isTooMuch ? this.#due : Math.min(this.#due, awaited);
  }

  #startOver(): void {
    this.#leastBytes = this.#ports.journal.bytesCount;
    this.#growthBytesMax = this.#drawGrowth();
  }

  /** Members of a group grow alike: they had better not all drop the same decrees at the same moment. */
  #drawGrowth(): number {
    return (this.#snapshotBytes * (3 - fraction(this.#ports.random))) / 6;
  }
}
