import type { Consensus, MemberId, Membership } from "@halon/consensus";
import type { ReplicatedLog, SessionLimits, StateMachine } from "@halon/replicated-log";
import type { Clock, Journal, Random, Store } from "@halon/runtime";
import type { StateExchangeStatus } from "./state-exchange.ts";
import type { WatchOptions, WatchStatus } from "./watch/index.ts";

export interface LogMemberPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly store: Store;
  /**
   * Sends a message of the group to one other member, or to all others, members or not. Of an id only the name
   * (`memberName`) is an address: the frame says which incarnation speaks.
   */
  readonly send: (to: MemberId | "all", bytes: Uint8Array) => void;
}

/** What an operator should hear about. Each is counted in the status, too. */
export type LogMemberNotice =
  /** The state here is not that of a majority as of this decree: it is replaced by one of theirs. */
  | { readonly kind: "diverged"; readonly number: number; readonly majority: readonly MemberId[] }
  /** States differ as of this decree, and no majority has the same: nobody can say which is right. */
  | { readonly kind: "undecided"; readonly number: number }
  /** The state found in the store is not what it says itself: it is replaced by that of a peer. */
  | { readonly kind: "damaged" }
  /** Too far behind for the log: the state is replaced by that of a peer. */
  | { readonly kind: "behind"; readonly from: MemberId }
  /** A snapshot of this peer is not what it says itself. */
  | { readonly kind: "distrusted"; readonly peer: MemberId }
  /** The state has been replaced, and is in use again. */
  | { readonly kind: "installed"; readonly number: number };

export interface LogMemberOptions {
  readonly self: MemberId;
  /** Fresh: it has not taken any input. */
  readonly consensus: Consensus;
  readonly machine: StateMachine;
  /** Used when the journal is empty: this member founds a new group with these. Left out by who joins one. */
  readonly founding?: Membership;
  /** The same on all members, for ever. */
  readonly sessions?: Partial<SessionLimits>;
  /** The journal stays below three times as much: it is trimmed each time that it has grown by half of it at most. */
  readonly snapshotBytes?: number;
  /**
   * What all entries of the store come to, as of `StateDigest`, where somebody has looked since it was last written. Else they
   * are read when the member starts.
   */
  readonly storeDigest?: string;
  /** Largest payload of a command, if not 256 KiB. The same on all members, and to be told to their clients. */
  readonly commandBytesMax?: number;
  /** Decrees from one comparison of states to the next. The same on all members. */
  readonly digestEvery?: number;
  /** What can be watched, and how much of what has changed is kept while somebody watches. */
  readonly watch?: WatchOptions;
  readonly onLeader?: (leader: MemberId | undefined) => void;
  /** After a decree was applied here. */
  readonly onApplied?: (number: number) => void;
  /** The state was replaced by that of a peer as of this decree: whatever was read from it before is void. */
  readonly onInstalled?: (number: number) => void;
  readonly onNotice?: (notice: LogMemberNotice) => void;
}

export type LogMemberStatus = ReplicatedLog["status"] &
  StateExchangeStatus & {
    /** Number of the last decree applied; 0 while the state is not to be used. */
    readonly applied: number;
    readonly logTimeMs: number;
    /**
     * `serving` is the usual. `restoring`: reads its journal, and verifies its state; takes no part yet. `installing`: votes,
     * but has no state to answer from.
     */
    readonly phase: "restoring" | "serving" | "installing";
    /** Times that the state was replaced, in this life. */
    readonly installs: number;
    /** Times that the state found in the store was not what it says itself. */
    readonly damaged: number;
    readonly trims: number;
    /** Times that applying was so far behind that nothing more was taken for a while. */
    readonly fulls: number;
    readonly journalBytes: number;
    /** Decrees that wait for the disk of the store, or for their turn. */
    readonly held: number;
    /** Frames that could not be read, or were of another than their sender. */
    readonly refusedFrames: number;
    /** Messages, frames and submissions for which there was no room, no meaning, or no member yet. */
    readonly dropped: number;
    readonly watch: WatchStatus;
  };
