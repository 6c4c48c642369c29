import { type Outcome, RESULT_BYTES_MAX, type Refusal, refuse, WINDOW } from "./command.ts";
import { decodeResults, encodeResults } from "./state-codec.ts";
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

/**
 * What one session was told, and where that is. All its results of one decree make one entry of the store, which goes when
 * all of them were answered: so a session costs a store about one entry per decree, however many commands ride in it.
 * Where each result is stands in memory, 8 KiB per session that has had any.
 */
export class Results {
  readonly #session: number;
  /** At `seq % WINDOW`: the decree in which that number was applied; 0: it was not. */
  readonly #decrees = new Float64Array(WINDOW);
  /** By decree: how many of its results are not answered yet. Without those of the present decree. */
  readonly #left = new Map<number, number>();
  /** Of the present decree. */
  readonly #fresh = new Map<number, Outcome>();

  constructor(session: number) {
    this.#session = session;
  }

  /** What the session was told of this command; `undefined` when it was not applied. */
  get(view: View, seq: number): Outcome | undefined {
    const decree = this.#decrees[seq % WINDOW] as number;
    if (decree === 0) return undefined;
    const fresh = this.#fresh.get(seq);
    if (fresh !== undefined) return fresh;
    const { seqs, kept } = decodeResults(view.get(batchKey(this.#session, decree)) ?? NO_BYTES);
    const at = seqs.indexOf(seq);
    // The place is another's: numbers of one window differ in it.
    if (at < 0) return undefined;
    return recall(kept[at] as Uint8Array, () => view.get(ownKey(this.#session, decree, seq)));
  }

  /** In decree number `decree` this command was applied. */
  note(seq: number, outcome: Outcome, decree: number): void {
    this.#decrees[seq % WINDOW] = decree;
    this.#fresh.set(seq, outcome);
  }

  /** The session has said that it knows those of `from` to `to - 1`. */
  answered(transaction: Transaction, from: number, to: number): void {
    for (let seq = from; seq < Math.min(to, from + WINDOW); seq++) {
      const decree = this.#decrees[seq % WINDOW] as number;
      if (decree === 0) continue;
      this.#decrees[seq % WINDOW] = 0;
      if (this.#fresh.delete(seq)) continue;
      const left = (this.#left.get(decree) ?? 1) - 1;
      if (left > 0) this.#left.set(decree, left);
      else {
        this.#left.delete(decree);
        remove(transaction, this.#session, decree);
      }
    }
  }

  /** Ends the decree: writes what it has brought. */
  end(transaction: Transaction, decree: number): void {
    if (this.#fresh.size === 0) return;
    const kept: Uint8Array[] = [];
    for (const [seq, outcome] of this.#fresh) {
      const own = outcome.kind === "result" && outcome.result.byteLength > INLINE_BYTES_MAX;
      if (own) transaction.put(ownKey(this.#session, decree, seq), outcome.result);
      kept.push(own ? APART : keep(outcome));
    }
    transaction.put(batchKey(this.#session, decree), encodeResults({ seqs: [...this.#fresh.keys()], kept }));
    this.#left.set(decree, this.#fresh.size);
    this.#fresh.clear();
  }

  /** Takes up what the store has of decree number `decree`; `lowest`: those below it were answered. */
  restore(stored: Uint8Array, decree: number, lowest: number): void {
    const seqs = decodeResults(stored).seqs.filter((seq) => seq >= lowest);
    for (const seq of seqs) this.#decrees[seq % WINDOW] = decree;
    if (seqs.length > 0) this.#left.set(decree, seqs.length);
  }
}

/** Entries read at a time. */
const PIECE_ENTRIES = 256;

/** All entries of results in a store, large results that stand apart left out. */
export function* storedResults(
  stored: View,
): Generator<{ readonly session: number; readonly decree: number; readonly value: Uint8Array }> {
  for (let from = PREFIX; ; ) {
    const piece = stored.range({ from, to: END, limit: PIECE_ENTRIES });
    for (const [key, value] of piece) {
      const [session = 0, decree = 0, own] = key.slice(PREFIX.length).split("/").map(Number);
      if (own === undefined) yield { session, decree, value };
    }
    const last = piece.at(-1);
    if (last === undefined || piece.length < PIECE_ENTRIES) return;
    from = `${last[0]} `;
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
