import type { ConsensusInput, ConsensusOutput, MemberId, Membership } from "@halon/consensus";
import { COMMAND_BYTES_MAX, type Command, type Decree, type Outcome } from "./command.ts";
import type { Reply } from "./submission.ts";

export type LogInput =
  | Exclude<ConsensusInput, { kind: "propose" | "reconfigure" | "confirm" }>
  /** Commands of a client. Answered by one `reply` of the same token, at once or when all are done. */
  | { readonly kind: "submit"; readonly token: number; readonly commands: readonly Command[] }
  /**
   * What an `apply` came to, in the order of the `apply` outputs. Left out for those that an `install` has made void: they
   * are not to be applied any more.
   */
  | { readonly kind: "applied"; readonly number: number; readonly outcomes: readonly Outcome[] }
  /** What a `query` came to: an outcome per payload. `unknown` for all while the state is not to be used. */
  | { readonly kind: "queried"; readonly token: number; readonly outcomes: readonly Outcome[] };

export type LogOutput =
  | Exclude<ConsensusOutput, { kind: "decided" | "proposed" | "confirmed" | "unconfirmed" }>
  /** Apply, in order, and answer with `applied`. With `membership` it was a reconfiguration. */
  | { readonly kind: "apply"; readonly number: number; readonly decree: Decree; readonly membership?: Membership }
  /** Answer from what is applied, with `queried`; the next one comes after that. */
  | { readonly kind: "query"; readonly token: number; readonly payloads: readonly Uint8Array[] }
  | Reply;

export interface LogConfig {
  readonly self: MemberId;
  /** Bytes of commands that may wait to be proposed, and as many of reads; more are answered `busy`. */
  readonly waitingBytesMax?: number;
  /** Reads that may wait; more are answered `busy`. */
  readonly waitingReadsMax?: number;
  /** Largest payload of a command, at most `COMMAND_BYTES_LIMIT`; a larger one is refused. The same on all members. */
  readonly commandBytesMax?: number;
}

export const LOG_DEFAULTS = {
  waitingBytesMax: 32 * 1024 * 1024,
  waitingReadsMax: 65_536,
  commandBytesMax: COMMAND_BYTES_MAX,
} as const;
