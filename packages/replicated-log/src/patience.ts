/** Longest that is waited, as a multiple of what a quiet group is given. */
const SPANS_MAX = 4;
/** An answer is given up when it takes so many times as long as answers have taken lately. */
const TIMES_LATELY = 4;
const DECAY = 7 / 8;
const GROWTH = 1.25;

/**
 * How long to wait for an answer. A group that is busy answers late, and who asks again then makes it busier still: so the
 * time follows what answers have lately taken, and grows while there are none.
 */
export class Patience {
  readonly #baseMs: number;
  #latelyMs = 0;

  /** `baseMs`: how long it is in a group that answers quickly, and the least. */
  constructor(baseMs: number) {
    this.#baseMs = baseMs;
  }

  get timeoutMs(): number {
    return Math.min(this.#baseMs * SPANS_MAX, Math.max(this.#baseMs, Math.ceil(this.#latelyMs * TIMES_LATELY)));
  }

  /** An answer took `tookMs`. A longer one counts at once, shorter ones bit by bit. */
  answered(tookMs: number): void {
    this.#latelyMs = Math.max(tookMs, this.#latelyMs * DECAY);
  }

  /** There was none within `waitedMs`: whoever is asked next gets a quarter more. */
  unanswered(waitedMs: number): void {
    this.#latelyMs = Math.max(this.#latelyMs, (waitedMs * GROWTH) / TIMES_LATELY);
  }
}
