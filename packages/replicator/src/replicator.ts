import type { CallOutcome } from "@halon/replicated-log";
import type { Cancel } from "@halon/runtime";
import type { Tell, WatchFrom } from "./watch/index.ts";

export interface UpdateOptions {
  /** The command does no harm when applied twice: it needs no session, and is retried without one. */
  readonly idempotent?: boolean;
}

/**
 * A replication group as a simple data store. Commands and queries are bytes whose meaning is the state machine's.
 * Callbacks come once per call, never from within it, and not after cancelling; a call that is cancelled may have
 * happened, or happen yet.
 */
export interface Replicator {
  /** Changes the state; retried until there is an answer; applied exactly once unless `idempotent`. */
  update(payload: Uint8Array, options: UpdateOptions, done: (outcome: CallOutcome) => void): Cancel;
  /** Reads the state as of some time between call and answer: linearizable. */
  query(payload: Uint8Array, done: (outcome: CallOutcome) => void): Cancel;
  /**
   * Reads the state as some replica has it: of the past, perhaps, and two in a row may go back in time. Cheap, and answered
   * also while there is no majority.
   */
  queryStale(payload: Uint8Array, done: (outcome: CallOutcome) => void): Cancel;
  /**
   * Tells what is changed in the state, from a decree on that the caller knows the state of. Nothing is skipped: who is too slow,
   * or asks for what is too long ago, is told to `resync`. It goes on over the death of members, with the same numbers.
   * One thing is told at a time, never from within, and not after cancelling.
   */
  watch(from: WatchFrom, tell: Tell): Cancel;
}
