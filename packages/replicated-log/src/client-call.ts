import type { MemberId } from "@halon/consensus";
import type { CommandNumber } from "./client-session.ts";
import type { Command, CommandKind, Outcome, RefusalCode } from "./command.ts";

/** How a call ends. There is no "timed out": a caller that stops waiting cancels, and then knows nothing. */
export type CallOutcome =
  | { readonly kind: "result"; readonly result: Uint8Array }
  | { readonly kind: "refused"; readonly code: RefusalCode; readonly message: string }
  /** Not sent: too many calls are waiting. Wait for one of them, then try again. */
  | { readonly kind: "full" };

/** What a call may ask for; the contract of each is in `log.proto`. */
export type CallKind = "update" | "idempotent" | "read" | "stale" | "reconfigure";

export type LogClientInput =
  | { readonly kind: "call"; readonly token: number; readonly command: CallKind; readonly payload: Uint8Array }
  /** Forgets a call. It may have been applied, or be applied yet. */
  | { readonly kind: "cancel"; readonly token: number }
  /** What a request came to; `undefined` when it had no answer. */
  | { readonly kind: "answer"; readonly request: number; readonly outcomes: readonly Outcome[] | undefined }
  /**
   * Whom to ask, and whom first. Requests under way to others than a new leader are not waited for any longer: what they
   * carry goes to it at once.
   */
  | { readonly kind: "members"; readonly members: readonly MemberId[]; readonly leader?: MemberId | undefined }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type LogClientOutput =
  /** Ask one member; answer with `answer`, also when nothing comes back. */
  | {
      readonly kind: "request";
      readonly request: number;
      readonly to: MemberId;
      readonly commands: readonly Command[];
      readonly timeoutMs: number;
    }
  | { readonly kind: "done"; readonly token: number; readonly outcome: CallOutcome }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

/** Requests under way at a time, to the leader; and as many of stale reads. While they are, further calls gather. */
export const REQUESTS_MAX = 4;
const SUBMIT_BYTES_MAX = 512 * 1024;
const BACKOFF_MS_MIN = 10;
const BACKOFF_MS_MAX = 250;

export interface Call {
  readonly token: number;
  /** `register` is the client's own. */
  readonly kind: CommandKind;
  readonly payload: Uint8Array;
  /** Given when first sent, and kept: a retry is the same command. */
  number: CommandNumber | undefined;
  cancelled: boolean;
}

/** Divides a queue into what may travel together now, in its order, and the rest. */
export function splitBatch(
  queue: readonly Call[],
  countMax: number,
  mayGo: (call: Call) => boolean,
): { readonly batch: Call[]; readonly left: Call[] } {
  const batch: Call[] = [];
  const left: Call[] = [];
  let bytes = 0;
  for (const call of queue) {
    const size = call.payload.byteLength + 48;
    const fits = batch.length < countMax && (batch.length === 0 || bytes + size <= SUBMIT_BYTES_MAX);
    if (!fits || !mayGo(call)) left.push(call);
    else {
      bytes += size;
      batch.push(call);
    }
  }
  return { batch, left };
}

/** How long to wait after so many failures in a row; `random` in [0, 1). */
export const backoffMs = (failures: number, random: number): number =>
  Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures, 10)) * (0.5 + random / 2);
