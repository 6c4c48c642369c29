import type { MemberId } from "./ids.ts";

/** Longest value of a decree. */
export const VALUE_BYTES_MAX = 512 * 1024;

/** What a core takes in. */
export type ConsensusInput =
  /** A record that this member persisted in an earlier life. All of them, in order, before `start`. */
  | { readonly kind: "restore"; readonly record: Uint8Array }
  /** Restoring is done: begin. `applied`: decrees up to this number need not be delivered again. */
  | { readonly kind: "start"; readonly applied: number; readonly random: number }
  /** A message as another member, or this one, sent it. Of unknown quality: what cannot be read is refused and counted. */
  | { readonly kind: "message"; readonly from: MemberId; readonly bytes: Uint8Array }
  /** Leader only: pass `value` as the next decree. Ignored when this member does not lead, or its window is full. */
  | { readonly kind: "propose"; readonly value: Uint8Array }
  /** A timer that was asked for. `random` is uniform in [0, 1). */
  | { readonly kind: "timer"; readonly name: string; readonly random: number }
  /** The records asked for by `read`, in the order of the seqs. */
  | { readonly kind: "records"; readonly token: number; readonly records: readonly Uint8Array[] };

/** What a core wants done, in this order. */
export type ConsensusOutput =
  /** Append to the journal. Records count from seq 1. */
  | { readonly kind: "persist"; readonly record: Uint8Array }
  /**
   * Send to one member, which may be this one, or to `all` others (a copy that comes back is ignored). With
   * `afterPersist`, only when all that was persisted before is durable.
   */
  | {
      readonly kind: "send";
      readonly to: MemberId | "all";
      readonly bytes: Uint8Array;
      readonly afterPersist: boolean;
    }
  /** The value of the `propose` in this step is in flight under this number. */
  | { readonly kind: "proposed"; readonly number: number }
  /** The next decree. In order, without gaps, once per life; the value is the same on all members. */
  | { readonly kind: "decided"; readonly number: number; readonly value: Uint8Array }
  /** Give the journal records of these seqs back as `records`. */
  | { readonly kind: "read"; readonly token: number; readonly seqs: readonly number[] }
  /** Replaces the timer of that name; `undefined` cancels it. */
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined }
  /** This member's view of who leads has changed; `undefined` while nobody does. */
  | { readonly kind: "leader"; readonly leader: MemberId | undefined };

export interface ConsensusStatus {
  readonly role: "follower" | "candidate" | "leader";
  readonly leader: MemberId | undefined;
  /** For people: the ballot promised. */
  readonly ballot: string;
  /** All decrees up to this one are known here to be chosen, and held. */
  readonly chosen: number;
  /** Highest decree that this member was told is chosen. Invariant: chosen <= knownChosen. */
  readonly knownChosen: number;
  /** Decrees that this leader has proposed and that are not chosen yet. */
  readonly inFlight: number;
  /** Messages refused: unreadable, of another group or legislature, from no member. */
  readonly refused: number;
}

/**
 * One member's part in agreeing on a sequence of decrees; sans-IO.
 *
 * Promised: *agreement* (no two members deliver different values under one number), *validity* (only proposed values,
 * or the empty one), *integrity* (each number once, in order), under loss, duplication, delay and reordering of
 * messages and crash and restart of members, as long as what is durable stays so. Delivered decrees go on while a
 * quorum of members lives and can talk.
 */
export interface Consensus {
  step(input: ConsensusInput, nowMs: number): readonly ConsensusOutput[];
  readonly status: ConsensusStatus;
  /** True when a `propose` would be taken now. */
  readonly canPropose: boolean;
}
