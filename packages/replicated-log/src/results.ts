import { decodeResults, encodeResults } from "./codec.ts";
import { type Outcome, RESULT_BYTES_MAX, type Refusal, refuse, WINDOW } from "./command.ts";
import type { Transaction, View } from "./transaction.ts";

/** A longer result has an entry of its own, so that no entry grows beyond what a store takes. */
const INLINE_BYTES_MAX = 1_024;

const PREFIX = "~result/";
const END = "~result0";
const DIGITS = 16;
const number = (value: number): string => value.toString().padStart(DIGITS, "0");
const sessionPrefix = (session: number): string => `${PREFIX}${number(session)}/`;
const batchKey = (session: number, decree: number): string => `${sessionPrefix(session)}${number(decree)}`;
const ownKey = (session: number, decree: number, seq: number): string => `${batchKey(session, decree)}/${number(seq)}`;

/** What a kept outcome begins with. A refusal is kept too: what a client was told stays so. */
const RESULT = 0;
const EMPTY = Uint8Array.of(RESULT);
const TOO_LARGE = Uint8Array.of(1);
/** It stands in an entry of its own. */
const APART = Uint8Array.of(2);
const NO_BYTES = new Uint8Array(0);

/** Keys from and to which all results of a session stand. */
export const resultsOf = (session: number): { readonly from: string; readonly to: string } => ({
  from: sessionPrefix(session),
  to: `${PREFIX}${number(session + 1)}/`,
});

/** Where the results of one session are. */
class Index {
  /** At `seq % WINDOW`: the decree in which that number was applied; 0: it was not. */
  readonly decrees = new Float64Array(WINDOW);
  /** By decree: how many of its results are not answered yet. */
  readonly left = new Map<number, number>();

  set(seq: number, decree: number): void {
    this.decrees[seq % WINDOW] = decree;
    this.left.set(decree, (this.left.get(decree) ?? 0) + 1);
  }
}

/** Entries read at a time. */
const PIECE_ENTRIES = 256;

/**
 * What sessions were told. All results of one session in one decree make one entry, which goes when all of them were
 * answered: so a session costs a store about one entry per decree, however many commands ride in it. Where each result is
 * stands in memory, 8 KiB per session that has had any.
 */
export class Results {
  /** The same as in the store, but for those of the present decree. */
  readonly #sessions = new Map<number, Index>();
  /** Of the present decree, by session and number. */
  readonly #fresh = new Map<number, Map<number, Outcome>>();

  /** `lowestOf`: what a session that is kept has not been answered yet begins there. */
  constructor(stored: View, lowestOf: (session: number) => number | undefined) {
    for (let from = PREFIX; ; ) {
      const piece = stored.range({ from, to: END, limit: PIECE_ENTRIES });
      for (const [key, value] of piece) this.#restore(key, value, lowestOf);
      const last = piece.at(-1);
      if (last === undefined || piece.length < PIECE_ENTRIES) return;
      from = `${last[0]} `;
    }
  }

  /** What the session was told of this command; `undefined` when it was not applied. */
  get(view: View, session: number, seq: number): Outcome | undefined {
    const fresh = this.#fresh.get(session)?.get(seq);
    if (fresh !== undefined) return fresh;
    const decree = this.#sessions.get(session)?.decrees[seq % WINDOW] ?? 0;
    if (decree === 0) return undefined;
    const { seqs, kept } = decodeResults(view.get(batchKey(session, decree)) ?? NO_BYTES);
    const at = seqs.indexOf(seq);
    // The place is another's: numbers of one window differ in it.
    if (at < 0) return undefined;
    return recall(kept[at] as Uint8Array, () => view.get(ownKey(session, decree, seq)));
  }

  note(session: number, seq: number, outcome: Outcome): void {
    const fresh = this.#fresh.get(session) ?? new Map<number, Outcome>();
    fresh.set(seq, outcome);
    this.#fresh.set(session, fresh);
  }

  /** The session has said that it knows those of `from` to `to - 1`. */
  answered(transaction: Transaction, session: number, from: number, to: number): void {
    const index = this.#sessions.get(session);
    for (let seq = from; seq < Math.min(to, from + WINDOW); seq++) {
      this.#fresh.get(session)?.delete(seq);
      const decree = index?.decrees[seq % WINDOW] ?? 0;
      if (index === undefined || decree === 0) continue;
      index.decrees[seq % WINDOW] = 0;
      const left = (index.left.get(decree) ?? 1) - 1;
      if (left > 0) index.left.set(decree, left);
      else {
        index.left.delete(decree);
        remove(transaction, session, decree);
      }
    }
  }

  /** Nothing is asked of this session any more. What is stored of it stays. */
  forget(session: number): void {
    this.#sessions.delete(session);
    this.#fresh.delete(session);
  }

  /** Ends the decree: writes what it has brought. */
  end(transaction: Transaction, decree: number): void {
    for (const [session, fresh] of this.#fresh) {
      if (fresh.size === 0) continue;
      const index = this.#index(session);
      const kept: Uint8Array[] = [];
      for (const [seq, outcome] of fresh) {
        index.set(seq, decree);
        const own = outcome.kind === "result" && outcome.result.byteLength > INLINE_BYTES_MAX;
        if (own) transaction.put(ownKey(session, decree, seq), outcome.result);
        kept.push(own ? APART : keep(outcome));
      }
      transaction.put(batchKey(session, decree), encodeResults({ seqs: [...fresh.keys()], kept }));
    }
    this.#fresh.clear();
  }

  #restore(key: string, value: Uint8Array, lowestOf: (session: number) => number | undefined): void {
    const [session = 0, decree = 0, own] = key.slice(PREFIX.length).split("/").map(Number);
    const lowest = lowestOf(session);
    if (own !== undefined || lowest === undefined) return;
    for (const seq of decodeResults(value).seqs) if (seq >= lowest) this.#index(session).set(seq, decree);
  }

  #index(session: number): Index {
    const known = this.#sessions.get(session);
    if (known !== undefined) return known;
    const index = new Index();
    this.#sessions.set(session, index);
    return index;
  }
}

function remove(transaction: Transaction, session: number, decree: number): void {
  const { kept } = decodeResults(transaction.get(batchKey(session, decree)) ?? NO_BYTES);
  transaction.delete(batchKey(session, decree));
  if (!kept.some((each) => each[0] === APART[0])) return;
  const own = { from: `${batchKey(session, decree)}/`, to: `${batchKey(session, decree)}0` };
  for (const [key] of transaction.range(own)) transaction.delete(key);
}

function keep(outcome: Outcome): Uint8Array {
  if (outcome.kind !== "result") return TOO_LARGE;
  if (outcome.result.byteLength === 0) return EMPTY;
  const kept = new Uint8Array(1 + outcome.result.byteLength);
  kept[0] = RESULT;
  kept.set(outcome.result, 1);
  return kept;
}

function recall(kept: Uint8Array, apart: () => Uint8Array | undefined): Outcome {
  if (kept[0] === TOO_LARGE[0]) return refuseResult();
  return { kind: "result", result: kept[0] === RESULT ? kept.subarray(1) : (apart() ?? NO_BYTES) };
}

/** What an update is told whose result is too long to be kept. */
export const refuseResult = (): Refusal =>
  refuse("too-large", `the result is over ${RESULT_BYTES_MAX} bytes, and nothing was changed: ask for less at a time`);
