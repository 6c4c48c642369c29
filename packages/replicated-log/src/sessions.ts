import { type Command, type Outcome, refuse, WINDOW } from "./command.ts";
import { Results, resultsOf, storedResults } from "./results.ts";
import { decodeSession, encodeSession, type SessionState } from "./state-codec.ts";
import type { Transaction, View } from "./transaction.ts";

/** Sessions kept. A further one makes the group forget the one unused for the longest time. */
export const SESSIONS_MAX = 4_096;
/** Log time after which a session without use is forgotten. */
export const SESSION_MS = 24 * 60 * 60 * 1_000;
/** Results of forgotten sessions that one decree clears away. More than a decree can bring. */
const SWEEP_RESULTS_MAX = 4_096;

const PREFIX = "~session/";
const FORGOTTEN = "~forgotten/";
const NEXT_KEY = "~session-next";
const number = (value: number): string => value.toString().padStart(16, "0");

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const NO_BYTES = new Uint8Array(0);

export interface SessionLimits {
  /** Log time after which a session without use is forgotten. */
  readonly sessionMs: number;
  readonly sessionsMax: number;
}

/** One of them. Invariant: what the store has of it is the same, but for `results` during a decree. */
class Session {
  state: SessionState;
  readonly results: Results;

  constructor(id: number, state: SessionState) {
    this.state = state;
    this.results = new Results(id);
  }
}

/**
 * Who has been answered what: makes a repeated command of a session an old answer instead of a second application.
 * Ongaro, "Consensus: Bridging Theory and Practice", §6.3. Bounded: so many sessions of {@link WINDOW} results. All that
 * decides who is forgotten is in the state, so that all replicas forget the same, restarted or not.
 */
export class Sessions {
  readonly #limits: SessionLimits;
  /** Between decrees in the order of (decree of last use, id): the first is forgotten first. */
  readonly #sessions = new Map<number, Session>();
  /** Of these, results may be left. */
  readonly #forgotten = new Set<number>();
  /** Used in the present decree. */
  readonly #used = new Set<number>();
  #decree = 0;
  #nowMs = 0;

  constructor(stored: View, limits: SessionLimits) {
    this.#limits = limits;
    const sessions = stored
      .range({ from: PREFIX, to: "~session0" })
      .map(([key, value]) => [Number(key.slice(PREFIX.length)), decodeSession(value)] as const)
      .sort(([a, { used: usedA }], [b, { used: usedB }]) => usedA - usedB || a - b);
    for (const [id, state] of sessions) this.#sessions.set(id, new Session(id, state));
    for (const { session: id, decree, value } of storedResults(stored)) {
      const session = this.#sessions.get(id);
      session?.results.restore(value, decree, session.state.lowest);
    }
    for (const [key] of stored.range({ from: FORGOTTEN, to: "~forgotten0" }))
      this.#forgotten.add(Number(key.slice(FORGOTTEN.length)));
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** Begins a decree: what is unused for too long is forgotten. */
  begin(transaction: Transaction, decree: number, logTimeMs: number): void {
    this.#decree = decree;
    this.#nowMs = logTimeMs;
    for (const [id, { state }] of this.#sessions) {
      if (state.usedMs + this.#limits.sessionMs > logTimeMs) return;
      this.#forget(transaction, id);
    }
  }

  /** Ends it: writes results, puts what was used in the order that a restart would find, and clears away what is forgotten. */
  end(transaction: Transaction): void {
    for (const id of this.#used) this.#sessions.get(id)?.results.end(transaction, this.#decree);
    if (this.#used.size > 1)
      for (const id of [...this.#used].sort((a, b) => a - b)) {
        const session = this.#sessions.get(id);
        if (session !== undefined) this.#touch(id, session);
      }
    this.#used.clear();
    if (this.#forgotten.size > 0) this.#sweep(transaction);
  }

  /** Opens a session; the result is its id in decimal digits. */
  register(transaction: Transaction): Outcome {
    for (const [oldest] of this.#sessions) {
      if (this.#sessions.size < this.#limits.sessionsMax) break;
      this.#forget(transaction, oldest);
    }
    const last = transaction.get(NEXT_KEY);
    const id = last === undefined ? 1 : Number(decoder.decode(last)) + 1;
    const result = encoder.encode(id.toString());
    transaction.put(NEXT_KEY, result);
    this.#use(transaction, id, new Session(id, { lowest: 1, used: this.#decree, usedMs: this.#nowMs }), 1);
    return { kind: "result", result };
  }

  /** What this command was told when it was applied, or why it cannot be; `undefined`: apply it, and {@link note} the outcome. */
  recall(transaction: Transaction, command: Command): Outcome | undefined {
    const { session: id, seq } = command;
    const session = this.#sessions.get(id);
    if (session === undefined)
      return refuse(
        "session-unknown",
        `session ${id} is not known here: register again; the outcome of ${seq} is unknown`,
      );
    const { state, results } = session;
    const lowest = Math.max(state.lowest, command.lowest);
    if (lowest > state.lowest || state.used !== this.#decree) {
      results.answered(transaction, state.lowest, lowest);
      this.#use(transaction, id, session, lowest);
    }
    if (seq < lowest) return refuse("answered", `command ${seq} of session ${id} was answered: lowest is ${lowest}`);
    if (seq >= lowest + WINDOW)
      return refuse(
        "window",
        `command ${seq} of session ${id} is beyond lowest ${lowest} + ${WINDOW}: answer those first`,
      );
    return results.get(transaction, seq);
  }

  /** What a command has come to that was not to be recalled. */
  note({ session, seq }: Command, outcome: Outcome): void {
    this.#sessions.get(session)?.results.note(seq, outcome, this.#decree);
  }

  #use(transaction: Transaction, id: number, session: Session, lowest: number): void {
    session.state = { lowest, used: this.#decree, usedMs: this.#nowMs };
    this.#touch(id, session);
    this.#used.add(id);
    transaction.put(PREFIX + number(id), encodeSession(session.state));
  }

  /** To the end of the order. */
  #touch(id: number, session: Session): void {
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
  }

  #forget(transaction: Transaction, id: number): void {
    this.#sessions.delete(id);
    this.#used.delete(id);
    this.#forgotten.add(id);
    transaction.delete(PREFIX + number(id));
    transaction.put(FORGOTTEN + number(id), NO_BYTES);
  }

  /** Piece by piece: many large sessions that expire at once must not make one decree take long. */
  #sweep(transaction: Transaction): void {
    let left = SWEEP_RESULTS_MAX;
    for (const id of [...this.#forgotten].sort((a, b) => a - b)) {
      if (left <= 0) return;
      const results = transaction.range({ ...resultsOf(id), limit: left });
      for (const [key] of results) transaction.delete(key);
      if (results.length === left) return;
      // To look for results costs something, too.
      left -= results.length + 1;
      this.#forgotten.delete(id);
      transaction.delete(FORGOTTEN + number(id));
    }
  }
}
