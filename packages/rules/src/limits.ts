import { RulesError } from "./rules-error.ts";

/**
 * All that is bounded. An instance that goes over a limit of its own is parked; when a turn is full the rest waits for
 * the next one; when the inbox is full inputs are refused.
 */
export interface Limits {
  /** Instances, parked ones included. At the limit, events that would begin another wait, and all behind them. */
  readonly instancesMax: number;
  /** Events and answers that wait for room in a turn. */
  readonly inboxMax: number;
  /** Payload of an event or an answer. A larger event is refused, a larger answer becomes a failed one. */
  readonly inputBytesMax: number;

  /** Operations that one run may yield. */
  readonly journalEntriesMax: number;
  readonly journalBytesMax: number;
  /** JSON of what a `read` or `update` returns. */
  readonly resultBytesMax: number;
  /** Facts of one decision. */
  readonly factsBytesMax: number;
  readonly commandBytesMax: number;
  /** Operations between two waits: a rule that loops without waiting is cut off here. */
  readonly stepOperationsMax: number;
  /** All that one step brings about: journal, graph changes, commands, decisions. A step is never spread over turns. */
  readonly stepBytesMax: number;
  /** Leaves of one wait, all races within it counted. */
  readonly waitsMax: number;
  readonly afterMsMax: number;
  /** Events that an instance keeps while it waits to be retried. */
  readonly backlogMax: number;

  /** Nothing more begins in a turn that has reached one of these; it ends above them by at most one step. */
  readonly turnBytesMax: number;
  /** The same, with what came and went within the turn: how long one may take to make. */
  readonly turnWorkBytesMax: number;
  readonly turnCommandsMax: number;
  readonly turnDecisionsMax: number;
  /** Events consumed and answers settled by one turn. */
  readonly turnInputsMax: number;

  /** Retries of a step that throws, before its instance is parked. */
  readonly retriesMax: number;
  /** Log time before the first retry; doubled for each further one up to `retryBackoffMaxMs`. */
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
}

/** A turn stays below 512 KiB, the size of one decree. */
export const LIMITS_DEFAULT: Limits = Object.freeze({
  instancesMax: 100_000,
  inboxMax: 4_096,
  inputBytesMax: 64 * 1024,
  journalEntriesMax: 4_096,
  journalBytesMax: 4 * 1024 * 1024,
  resultBytesMax: 64 * 1024,
  factsBytesMax: 16 * 1024,
  commandBytesMax: 64 * 1024,
  stepOperationsMax: 2_048,
  stepBytesMax: 192 * 1024,
  waitsMax: 64,
  afterMsMax: 366 * 24 * 3_600_000,
  backlogMax: 256,
  turnBytesMax: 192 * 1024,
  turnWorkBytesMax: 768 * 1024,
  turnCommandsMax: 1_024,
  turnDecisionsMax: 1_024,
  turnInputsMax: 4_096,
  retriesMax: 5,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 10_000,
});

/** The defaults with `given` on top. Throws `bad-limits`. */
export function limitsWith(given: Partial<Limits>): Limits {
  const limits = { ...LIMITS_DEFAULT, ...given };
  for (const [name, value] of Object.entries(limits))
    if (!Number.isSafeInteger(value) || value < (name === "retriesMax" ? 0 : 1))
      throw new RulesError("bad-limits", `${name} is ${value}: a positive whole number is needed`);
  const pairs = [
    ["resultBytesMax", "stepBytesMax"],
    ["commandBytesMax", "stepBytesMax"],
    ["factsBytesMax", "stepBytesMax"],
    ["retryBackoffMs", "retryBackoffMaxMs"],
  ] as const;
  for (const [low, high] of pairs)
    if (limits[low] > limits[high])
      throw new RulesError("bad-limits", `${low} is ${limits[low]}, above ${high}, ${limits[high]}: raise ${high}`);
  return limits;
}
