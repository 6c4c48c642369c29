import type { MemberId, Membership } from "@halon/consensus";

/** Largest payload of one command, unless a group is set up for larger ones. */
export const COMMAND_BYTES_MAX = 256 * 1024;
/** The most that it can be set up for: with all that is around it, one decree. */
export const COMMAND_BYTES_LIMIT = 480 * 1024;
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

/**
 * `unsupported` stands for the kinds of newer versions: refused wherever it turns up, so that what came with it is not
 * lost.
 */
export type CommandKind = "register" | "update" | "idempotent" | "read" | "stale" | "reconfigure" | "unsupported";

/** What a client asks of the replicated state. The contract of each kind is in `log.proto`. */
export interface Command {
  readonly kind: CommandKind;
  /** 0 unless `update`. */
  readonly session: number;
  readonly seq: number;
  readonly lowest: number;
  readonly payload: Uint8Array;
}

export interface Decree {
  readonly elapsedMs: number;
  readonly commands: readonly Command[];
  /** In the first decree of each reign: who votes on it. So the state knows without being told by anybody else. */
  readonly inForce?: Membership;
  /** Tells it from one of the same content that another member has proposed. */
  readonly proposer?: MemberId;
}

/**
 * - `too-large`: the payload is over {@link COMMAND_BYTES_MAX}, or what the group is set up for, or the answer would be over {@link RESULT_BYTES_MAX}.
 * - `session-unknown`: never registered, or forgotten. Nothing was applied *by this attempt*; an earlier one may have been.
 * - `answered`: the client itself has said that this number was answered.
 * - `window`: the number is too far ahead of `lowest`.
 * - `malformed`: no command that this version knows, or that may ride in a decree.
 * - of a `reconfigure`: see {@link planReconfiguration}.
 */
export type RefusalCode =
  | "too-large"
  | "session-unknown"
  | "answered"
  | "window"
  | "malformed"
  | "conflict"
  | "last-member"
  | "not-caught-up"
  | "no-quorum"
  | "in-use";

export type Refusal = { readonly kind: "refused"; readonly code: RefusalCode; readonly message: string };

export type Outcome =
  | { readonly kind: "result"; readonly result: Uint8Array }
  | { readonly kind: "notLeader"; readonly leader: string | undefined }
  /** May have been applied, or be applied yet. */
  | { readonly kind: "unknown" }
  /** Not applied: the member has too much waiting. */
  | { readonly kind: "busy" }
  /** Not applied, and asking again will not help. */
  | Refusal;

export const refuse = (code: RefusalCode, message: string): Refusal => ({ kind: "refused", code, message });

/** The refusal of a payload over `bytesMax`. */
export function refuseTooLarge(payload: Uint8Array, bytesMax = COMMAND_BYTES_MAX): Refusal | undefined {
  const bytes = payload.byteLength;
  if (bytes <= bytesMax) return undefined;
  return refuse("too-large", `command of ${bytes} bytes: at most ${bytesMax} are allowed; split it`);
}
