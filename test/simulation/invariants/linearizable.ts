import type { Invariant } from "@halon/simulation";
import type { ListHistory } from "../list-history.ts";

/** For the end of a run. */
export class Linearizable implements Invariant {
  readonly name = "linearizable";
  readonly citation =
    "Herlihy and Wing, Linearizability (1990), §2; checked as by Wing and Gong (1993) and Lowe (2017)";
  readonly says =
    "one order of all operations explains all answers, in which none comes before one that had ended when it was called";
  readonly when = "end";
  readonly #history: ListHistory;

  constructor(history: ListHistory) {
    this.#history = history;
  }

  get checks(): number {
    return this.#history.answered;
  }

  check(): string | undefined {
    return this.#history.judge();
  }
}
