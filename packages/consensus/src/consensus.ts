import type { MemberId } from "./ids.ts";
import type { Membership } from "./membership.ts";

/** Longest value of a decree. */
export const VALUE_BYTES_MAX = 512 * 1024;
/** Clocks of two members run at rates that differ from the true one by at most this share. Leases are safe up to it. */
export const CLOCK_RATE_ERROR_MAX = 0.05;

/** What a core takes in. */
export type ConsensusInput =
  /** A record that this member persisted in an earlier life. All that are left, in order, before `start`. */
  | { readonly kind: "restore"; readonly record: Uint8Array; readonly seq: number }
  /**
   * In the place of all `restore`: this member founds a new group with the others of `membership`, which each do the
   * same. Once in the life of a group; a member that comes later is never told.
   */
  | { readonly kind: "found"; readonly membership: Membership }
  /** Restoring is done: begin. `applied`: decrees up to this number need not be delivered again. */
  | { readonly kind: "start"; readonly applied: number; readonly random: number }
  /** A message as another member, or this one, sent it. Of unknown quality: what cannot be read is refused and counted. */
  | { readonly kind: "message"; readonly from: MemberId; readonly bytes: Uint8Array }
  /** Leader only: pass `value` as the next decree. Ignored when this member does not lead, or its window is full. */
  | { readonly kind: "propose"; readonly value: Uint8Array }
  /**
   * Leader only: end this legislature, and have the next one consist of `members`. Answered like `propose`; as long as
   * it is in flight nothing else is taken.
   */
  | { readonly kind: "reconfigure"; readonly members: readonly MemberId[] }
  /** Leader only: how far must be applied for a read that comes now? Answered by `confirmed` or `unconfirmed`. */
  | { readonly kind: "confirm"; readonly token: number }
  /** Decrees up to `through` are applied here, durably: they need not be kept. */
  | { readonly kind: "trim"; readonly through: number }
  /**
   * Applying is behind, and more is kept for it than there is room for: while that is so, nothing is accepted, learned or
   * proposed anew. It is over when what was delivered is applied.
   */
  | { readonly kind: "full"; readonly isFull: boolean }
  /** The applied state was replaced by that of a peer as of decree `number`, where `membership` was in force. Durably. */
  | { readonly kind: "install"; readonly number: number; readonly membership: Membership }
  /** A timer that was asked for. `random` is uniform in [0, 1). */
  | { readonly kind: "timer"; readonly name: string; readonly random: number }
  /** The records asked for by `read`, in the order of the seqs. */
  | { readonly kind: "records"; readonly token: number; readonly records: readonly Uint8Array[] };

/** What a core wants done, in this order. */
export type ConsensusOutput =
  /** Append to the journal. Its seq is one above that of the record before; the first record of all has seq 1. */
  | { readonly kind: "persist"; readonly record: Uint8Array }
  /**
   * Send to one member, which may be this one, or to `all` others (a copy that comes back is ignored), members or not.
   * With `afterPersist`, only when all that was persisted before is durable.
   */
  | {
      readonly kind: "send";
      readonly to: MemberId | "all";
      readonly bytes: Uint8Array;
      readonly afterPersist: boolean;
    }
  /** The value of the `propose`, or the membership of the `reconfigure`, of this step is in flight under this number. */
  | { readonly kind: "proposed"; readonly number: number }
  /**
   * The next decree. In order, without gaps but those that `install` closes, once per life; the same on all members.
   * With `membership` it was a reconfiguration: that one is in force from the next decree on, and `value` is empty.
   */
  | {
      readonly kind: "decided";
      readonly number: number;
      readonly value: Uint8Array;
      readonly membership?: Membership;
    }
  /** All that was decided before the `confirm` came is numbered up to `number`, or below. */
  | { readonly kind: "confirmed"; readonly token: number; readonly number: number }
  /** This member cannot say: it does not lead, or no longer. */
  | { readonly kind: "unconfirmed"; readonly token: number }
  /** Give the journal records of these seqs back as `records`. */
  | { readonly kind: "read"; readonly token: number; readonly seqs: readonly number[] }
  /** Journal records before this seq are not needed any longer. Always with `afterPersist`, as of `send`. */
  | { readonly kind: "trimmed"; readonly beforeSeq: number; readonly afterPersist: true }
  /**
   * What this member lacks next, nobody has as decrees any more: replace the applied state by that of `from`, or of
   * another, then `install`. Repeated while that is so.
   */
  | { readonly kind: "behind"; readonly from: MemberId }
  /** Replaces the timer of that name; `undefined` cancels it. */
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined }
  /** This member's view of who leads has changed; `undefined` while nobody does. */
  | { readonly kind: "leader"; readonly leader: MemberId | undefined };

export interface ConsensusStatus {
  /** A `learner` is no member of the legislature in force: it has no vote and leads nobody. */
  readonly role: "learner" | "follower" | "candidate" | "leader";
  readonly leader: MemberId | undefined;
  /** Who votes, as far as this member knows; `undefined` while it has yet to be told. */
  readonly membership: Membership | undefined;
  /** For people: the ballot promised. */
  readonly ballot: string;
  /** All decrees up to this one are known here to be chosen, and held or applied. */
  readonly chosen: number;
  /** Highest decree that this member was told is chosen. Invariant: chosen <= knownChosen. */
  readonly knownChosen: number;
  /** Decrees up to this one are not kept here any more. */
  readonly trimmed: number;
  /** Decrees that this leader has proposed and that are not chosen yet. */
  readonly inFlight: number;
  /** True while this leader may answer reads without asking anybody. As of the last step. */
  readonly leased: boolean;
  /** Leader only: how far members and learners that were heard lately say they are; for who decides on memberships. */
  readonly progress: ReadonlyMap<MemberId, number>;
  /** Messages refused: unreadable, of another group or legislature, of nobody who may say that, of a copied or rolled back member. */
  readonly refused: number;
  /** Members whose word is not taken any more, and why. */
  readonly disowned: ReadonlyMap<MemberId, string>;
}

/**
 * One member's part in agreeing on a sequence of decrees; sans-IO.
 *
 * Promised: *agreement* (no two members deliver different values under one number), *validity* (only proposed values,
 * or the empty one), *integrity* (each number once, in order), under loss, duplication, delay and reordering of messages
 * and crash and restart of members, as long as what is durable stays so; and *fresh reads* (`confirmed` names a number not
 * below any decided anywhere before), if clocks keep within {@link CLOCK_RATE_ERROR_MAX}. Delivered decrees go on while
 * a quorum of members lives and can talk. Not promised: that of two values in flight when a leader falls the later is not
 * decided without the earlier; who needs that order waits for the earlier one.
 */
export interface Consensus {
  step(input: ConsensusInput, nowMs: number): readonly ConsensusOutput[];
  readonly status: ConsensusStatus;
  /** True when a `propose` or a `reconfigure` would be taken now. */
  readonly canPropose: boolean;
}
