import { decodeSession, encodeSession } from "./codec.ts";
import { type Command, type Outcome, WINDOW } from "./command.ts";
import type { Transaction, View } from "./transaction.ts";

/** Sessions kept. A further one makes the group forget the one unused for the longest time. */
export const SESSIONS_MAX = 4_096;

const PREFIX = "~session/";
const NEXT_KEY = "~session-next";
const number = (value: number): string => value.toString().padStart(16, "0");
const resultKey = (session: number, seq: number): string => `~result/${number(session)}/${number(seq)}`;

interface Session {
  lowest: number;
  /** Decree in which it was last used. Part of the state, so that all replicas forget the same one. */
  used: number;
}

const text = new TextEncoder();

/**
 * Who has been answered what: makes a repeated command of a session an old answer instead of a second application.
 * Ongaro, "Consensus: Bridging Theory and Practice", §6.3. Bounded: {@link SESSIONS_MAX} sessions of {@link WINDOW} results.
 */
export class Sessions {
  /** The same as in the store. */
  readonly #sessions = new Map<number, Session>();

  constructor(stored: View) {
    for (const [key, value] of stored.range({ from: PREFIX, to: "~session0" }))
      this.#sessions.set(Number(key.slice(PREFIX.length)), decodeSession(value));
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** Opens a session; the result is its id in decimal digits. */
  register(transaction: Transaction, decree: number): Outcome {
    if (this.#sessions.size >= SESSIONS_MAX) this.#forgetOldest(transaction);
    const last = transaction.get(NEXT_KEY);
    const id = last === undefined ? 1 : Number(new TextDecoder().decode(last)) + 1;
    const result = text.encode(id.toString());
    transaction.put(NEXT_KEY, result);
    this.#put(transaction, id, { lowest: 1, used: decree });
    return { kind: "result", result };
  }

  /** Runs `apply` unless this command was applied before; then gives the outcome of that time. */
  once(transaction: Transaction, decree: number, command: Command, apply: () => Uint8Array): Outcome {
    const { session: id, seq } = command;
    const session = this.#sessions.get(id);
    if (session === undefined)
      return refuse(
        "session-unknown",
        `session ${id} is not known here: register again; the outcome of ${seq} is unknown`,
      );
    const lowest = Math.max(session.lowest, command.lowest);
    if (lowest > session.lowest || session.used !== decree) {
      for (const [key] of transaction.range({ from: resultKey(id, session.lowest), to: resultKey(id, lowest) }))
        transaction.delete(key);
      this.#put(transaction, id, { lowest, used: decree });
    }
    if (seq < lowest) return refuse("answered", `command ${seq} of session ${id} was answered: lowest is ${lowest}`);
    if (seq >= lowest + WINDOW)
      return refuse(
        "window",
        `command ${seq} of session ${id} is beyond lowest ${lowest} + ${WINDOW}: answer those first`,
      );
    const known = transaction.get(resultKey(id, seq));
    if (known !== undefined) return { kind: "result", result: known };
    const result = apply();
    transaction.put(resultKey(id, seq), result);
    return { kind: "result", result };
  }

  #put(transaction: Transaction, id: number, session: Session): void {
    this.#sessions.set(id, session);
    transaction.put(PREFIX + number(id), encodeSession(session));
  }

  #forgetOldest(transaction: Transaction): void {
    let oldest: [number, Session] | undefined;
    for (const entry of this.#sessions)
      if (
        oldest === undefined ||
        entry[1].used < oldest[1].used ||
        (entry[1].used === oldest[1].used && entry[0] < oldest[0])
      )
        oldest = entry;
    if (oldest === undefined) return;
    const [id] = oldest;
    this.#sessions.delete(id);
    transaction.delete(PREFIX + number(id));
    for (const [key] of transaction.range({ from: resultKey(id, 0), to: resultKey(id + 1, 0) }))
      transaction.delete(key);
  }
}

const refuse = (code: "session-unknown" | "answered" | "window", message: string): Outcome => ({
  kind: "refused",
  code,
  message,
});
