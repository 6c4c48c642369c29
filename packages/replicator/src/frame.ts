import type { MemberId } from "@halon/consensus";

/** The end of all keys. */
export const END = "\x7f";

/** Asks a peer for one range of its snapshot. Units and meanings are in `replicator.proto`. */
export interface SnapshotRequest {
  readonly decree: number;
  readonly atLeast: number;
  readonly from: string;
  readonly to: string;
  readonly digest: Uint8Array;
  readonly offset: number;
  /** 0: none. */
  readonly since: number;
  readonly ahead: number;
}

export type SnapshotEntry = readonly [key: string, value: Uint8Array];

export type SnapshotReplyBody =
  | { readonly kind: "opened" }
  | { readonly kind: "same"; readonly digest: Uint8Array }
  | { readonly kind: "entries"; readonly entries: readonly SnapshotEntry[] }
  /** No key is in both. */
  | { readonly kind: "changes"; readonly entries: readonly SnapshotEntry[]; readonly deleted: readonly string[] }
  | {
      readonly kind: "part";
      readonly key: string;
      readonly bytesCount: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "unable"; readonly why: string; readonly others: readonly MemberId[] };

/**
 * What a peer says of one range of one of its snapshots. True whenever it arrives, as a snapshot does not change: so a late
 * or repeated one does no harm.
 */
export interface SnapshotReply {
  readonly decree: number;
  readonly from: string;
  readonly to: string;
  readonly since: number;
  readonly body: SnapshotReplyBody;
}

export type FrameBody =
  | { readonly kind: "consensus"; readonly bytes: Uint8Array }
  | { readonly kind: "digest"; readonly number: number; readonly digest: string }
  | { readonly kind: "snapshotRequest"; readonly request: SnapshotRequest }
  | { readonly kind: "snapshotReply"; readonly reply: SnapshotReply }
  /** Somebody watches the sender's state, and may watch the receiver's next. */
  | { readonly kind: "watched" };

/** What members of a group say to each other. */
export interface Frame {
  readonly from: MemberId;
  readonly body: FrameBody;
}

/** How far taking over a peer's snapshot has come; `peer` is empty, and `decree` 0, until one has answered. */
export interface InstallProgress {
  readonly peer: MemberId;
  readonly decree: number;
  /** All keys below this one are those of the snapshot. */
  readonly next: string;
  /** Those from there on, below `walked`, are as of this older snapshot; 0: none are, and `walked` is nothing. */
  readonly since: number;
  readonly walked: string;
  /** Of all entries that are those of a snapshot, as a `StateDigest` has it. */
  readonly digest: string;
}

/** Nothing has come yet. */
export const NO_PROGRESS: InstallProgress = {
  peer: "",
  decree: 0,
  next: "",
  since: 0,
  walked: "",
  digest: "0000000000000000",
};
