export type RulesErrorCode =
  /** A rule, event type or variable that is declared wrongly, or twice. */
  | "bad-declaration"
  /** Limits that are no positive whole numbers, or contradict each other. */
  | "bad-limits"
  /** A persisted entry that cannot be read. */
  | "bad-format"
  /** No such instance, or it is not parked. */
  | "not-parked";

/** A mistake in how the engine is put together or operated, and what to change. Callers test `code`. */
export class RulesError extends Error {
  override readonly name = "RulesError";
  readonly code: RulesErrorCode;

  constructor(code: RulesErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Why an instance is parked. */
export type ParkCode =
  /** Its step threw more often than is retried. */
  | "failed"
  /** On replay it did not do what its journal says: the rule was changed without a new version, or depends on chance. */
  | "mismatch"
  /** It was begun by another version of the rule. */
  | "version"
  | "unknown-rule"
  | "limit"
  /** The rule asks for what it may not: an event type it does not declare, a value that is no JSON, a bare `yield`. */
  | "misuse"
  /** Its persisted entries cannot be read. */
  | "damaged";

/** What an instance is parked for at once: trying again would end the same. Never leaves the package. */
export class RuleFault extends Error {
  override readonly name = "RuleFault";
  readonly code: ParkCode;

  constructor(code: ParkCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** One line about whatever was thrown, not longer than a decision can carry. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${String(error)}`;
  return text.length <= ERROR_CHARS_MAX ? text : `${text.slice(0, ERROR_CHARS_MAX)}…`;
}

const ERROR_CHARS_MAX = 500;
