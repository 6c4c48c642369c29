/** Largest payload of one command. */
export const COMMAND_BYTES_MAX = 256 * 1024;
/** Largest result of one command. */
export const RESULT_BYTES_MAX = 256 * 1024;
/** Bytes of results in one reply: what is above that is told as unknown, and asked for again. */
export const REPLY_BYTES_MAX = 768 * 1024;
/** Commands in one Submit or one decree. */
export const COMMANDS_MAX = 2_048;
/** Sequence numbers that a session may have unanswered: nothing from `lowest + WINDOW` on is taken. */
export const WINDOW = 1_024;
/** Log time goes on by at most this much per decree. */
export const ELAPSED_MS_MAX = 1_000;

/** What a client asks of the replicated state. The contract of each kind is in `log.proto`. */
export interface Command {
  readonly kind: "register" | "update" | "idempotent" | "read";
  /** 0 unless `update`. */
  readonly session: number;
  readonly seq: number;
  readonly lowest: number;
  readonly payload: Uint8Array;
}

export interface Decree {
  readonly elapsedMs: number;
  readonly commands: readonly Command[];
}

/**
 * - `too-large`: the payload is over {@link COMMAND_BYTES_MAX}, or the answer of a read would be over {@link RESULT_BYTES_MAX}.
 * - `session-unknown`: never registered, or forgotten. Nothing was applied *by this attempt*; an earlier one may have been.
 * - `answered`: the client itself has said that this number was answered.
 * - `window`: the number is too far ahead of `lowest`.
 * - `malformed`: no command that this version knows.
 */
export type RefusalCode = "too-large" | "session-unknown" | "answered" | "window" | "malformed";

export type Outcome =
  | { readonly kind: "result"; readonly result: Uint8Array }
  | { readonly kind: "notLeader"; readonly leader: string | undefined }
  /** May have been applied, or be applied yet. */
  | { readonly kind: "unknown" }
  /** Not applied: the member has too much waiting. */
  | { readonly kind: "busy" }
  /** Not applied, and asking again will not help. */
  | { readonly kind: "refused"; readonly code: RefusalCode; readonly message: string };

/** The refusal of a payload over {@link COMMAND_BYTES_MAX}. */
export function refuseTooLarge(payload: Uint8Array): (Outcome & { readonly kind: "refused" }) | undefined {
  const bytes = payload.byteLength;
  if (bytes <= COMMAND_BYTES_MAX) return undefined;
  const message = `command of ${bytes} bytes: at most ${COMMAND_BYTES_MAX} are allowed; split it`;
  return { kind: "refused", code: "too-large", message };
}
