/** Changes that one step makes: orders given, instances changed. A step must fit into one checkpoint. */
const STEP_ITEMS_MAX = 24;
/** Bytes of specifications that one step handles; it ends above by at most one specification. */
const STEP_BYTES_MAX = 8 * 1024;

/** What a step has used. Plain data, for a rule to carry from one change of its step to the next. */
export interface Spent {
  readonly items: number;
  readonly bytes: number;
}

export const NOTHING_SPENT: Spent = { items: 0, bytes: 0 };

/** How much more may be done in one step of a rule. What is left over is for the next one. */
export class Budget {
  #items: number;
  #bytes: number;

  constructor({ items, bytes }: Spent = NOTHING_SPENT) {
    this.#items = items;
    this.#bytes = bytes;
  }

  get isSpent(): boolean {
    return this.#items >= STEP_ITEMS_MAX || this.#bytes >= STEP_BYTES_MAX;
  }

  get spent(): Spent {
    return { items: this.#items, bytes: this.#bytes };
  }

  spend(bytes: number): void {
    this.#items++;
    this.#bytes += bytes;
  }
}
