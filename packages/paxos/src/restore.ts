import { assert, BALLOT_ZERO, type Ballot, compareBallots, type Membership } from "@halon/consensus";
import { decodeRecord } from "./codec.ts";
import type { Base, Content } from "./message.ts";
import type { Legislature, PaxosState } from "./state.ts";

/** The newest record of a decree. */
export interface RestoredDecree {
  readonly seq: number;
  readonly ballot: Ballot;
  /** 0: it was learned, and so is chosen. */
  readonly legislature: number;
  readonly members: Content["members"];
  /** Gone for decrees that are known to be chosen, unless it was asked for: these are read again when needed. */
  value: Uint8Array | undefined;
}

/**
 * What the records of earlier lives say. They may begin anywhere at or before a base record: decrees beyond the last base
 * all have a record that is left, and what is older is in the applied state.
 */
export class Restored {
  promised: Ballot = BALLOT_ZERO;
  boot = 0;
  seq = 0;
  #base: Base | undefined;
  /** Known to be chosen, and held, when some record was written. */
  #chosen = 0;
  readonly #keepsValues: boolean;
  readonly #held = new Map<number, RestoredDecree>();

  constructor({ keepsValues = false } = {}) {
    this.#keepsValues = keepsValues;
  }

  get base(): Base | undefined {
    return this.#base;
  }

  /** Known to be chosen, all of them, and held above the base. */
  get chosen(): number {
    return this.#chosen;
  }

  /** Those above the base, in the order in which they were first written. */
  get decrees(): ReadonlyMap<number, RestoredDecree> {
    return this.#held;
  }

  take(bytes: Uint8Array, seq: number): void {
    const record = decodeRecord(bytes);
    this.seq = seq;
    switch (record.kind) {
      case "promised":
        return this.#promise(record.ballot);
      case "accepted":
        this.#promise(record.ballot);
        this.#choose(record.chosen);
        this.#held.set(record.number, { ...record, seq, members: record.members });
        return;
      case "learned":
        this.#held.set(record.number, { ...record, seq, members: record.members, ballot: BALLOT_ZERO, legislature: 0 });
        return this.#choose(record.number);
      case "base":
        this.#promise(record.promised);
        this.boot = Math.max(this.boot, record.boot);
        return this.#begin(record);
      case "boot":
        this.boot = Math.max(this.boot, record.boot);
        return;
      default:
        return record satisfies never;
    }
  }

  /** Everything is told: the state as the last life would have it now. */
  complete(state: PaxosState): void {
    const { table } = state;
    state.promised = this.promised;
    state.boot = this.boot;
    state.recordSeq = this.seq;
    if (this.#base === undefined) return;
    const { number: base, membership } = this.#base;
    state.legislatures = [{ membership, first: base + 1 }];
    if (base > 0) table.jump(base);
    for (let number = base + 1; number <= this.#chosen; number++) {
      const held = this.#held.get(number);
      assert(held !== undefined, `decree ${number} was held, and has no record: ${base} … ${this.#chosen}`);
      table.restoreChosen(held.seq);
      if (held.members !== undefined) state.legislatures.push(next(state.legislatures, held.members, number));
    }
    this.#reopen(state);
  }

  /** What was accepted in a legislature that has ended is void. */
  #reopen({ table, legislatures }: PaxosState): void {
    const { legislature } = (legislatures.at(-1) as Legislature).membership;
    const open = [...this.#held].filter(([number, held]) => number > table.chosen && held.legislature === legislature);
    for (const [number, { value, ballot, members, seq }] of open.sort(([a], [b]) => a - b)) {
      assert(value !== undefined, `decree ${number} is open, and its value gone`);
      table.accept(number, { ballot, value, members, seq });
    }
  }

  #promise(ballot: Ballot): void {
    if (compareBallots(ballot, this.promised) > 0) this.promised = ballot;
  }

  #choose(chosen: number): void {
    for (let number = this.#chosen + 1; number <= chosen && !this.#keepsValues; number++) {
      const held = this.#held.get(number);
      if (held !== undefined) held.value = undefined;
    }
    this.#chosen = Math.max(this.#chosen, chosen);
  }

  #begin(base: Base): void {
    assert(base.number >= (this.#base?.number ?? 0), `base ${base.number} after ${this.#base?.number}`);
    this.#base = { number: base.number, membership: base.membership };
    for (const number of this.#held.keys()) if (number <= base.number) this.#held.delete(number);
    this.#chosen = Math.max(this.#chosen, base.number);
  }
}

/** The legislature that the stop sign `number` begins. */
export function next(legislatures: readonly Legislature[], members: readonly string[], number: number): Legislature {
  const before = legislatures.at(-1) as Legislature;
  const membership: Membership = { legislature: before.membership.legislature + 1, members };
  return { membership, first: number + 1 };
}
