import type { Membership } from "@halon/consensus";
import { decodeWith, fromWire, membershipFromWire, membershipToWire, toWire } from "./codec.ts";
import { halon } from "./gen/log.js";

/** What the log itself keeps in the state. */
const wire = halon.log.v1;

/** A client's session, as part of the state. */
export interface SessionState {
  readonly lowest: number;
  /** Decree in which it was last used. */
  readonly used: number;
  /** Log time then. */
  readonly usedMs: number;
}

export const encodeSession = ({ lowest, used, usedMs }: SessionState): Uint8Array =>
  wire.SessionState.encode({ lowest: toWire(lowest), used: toWire(used), usedMs: toWire(usedMs) }).finish();

/** Throws {@link LogCodecError}. */
export function decodeSession(bytes: Uint8Array): SessionState {
  const { lowest, used, usedMs } = decodeWith("session", () => wire.SessionState.decode(bytes));
  return {
    lowest: fromWire(lowest, "session.lowest"),
    used: fromWire(used, "session.used"),
    usedMs: fromWire(usedMs, "session.usedMs"),
  };
}

/** Who votes, as part of the state. */
export interface AppliedMembership {
  readonly membership: Membership;
  /** Its first decree. */
  readonly first: number;
}

export const encodeMembership = ({ membership, first }: AppliedMembership): Uint8Array =>
  wire.AppliedMembership.encode({ inForce: membershipToWire(membership), first: toWire(first) }).finish();

/** Throws {@link LogCodecError}. */
export function decodeMembership(bytes: Uint8Array): AppliedMembership {
  const { inForce, first } = decodeWith("membership", () => wire.AppliedMembership.decode(bytes));
  return { membership: membershipFromWire(inForce ?? {}), first: fromWire(first, "membership.first") };
}

/** What a session was told of its commands in one decree; `kept` in the order of `seqs`. */
export interface KeptResults {
  readonly seqs: readonly number[];
  readonly kept: readonly Uint8Array[];
}

/** What is the same object for all stands there once. */
export function encodeResults({ seqs, kept }: KeptResults): Uint8Array {
  const [first] = kept;
  const isOneForAll = first !== undefined && kept.every((each) => each === first);
  return wire.Results.encode({ seqs: seqs.map(toWire), kept: isOneForAll ? [first] : [...kept] }).finish();
}

/** Throws {@link LogCodecError}. */
export function decodeResults(bytes: Uint8Array): KeptResults {
  const { seqs: wireSeqs, kept } = decodeWith("results", () => wire.Results.decode(bytes));
  const seqs = (wireSeqs ?? []).map((seq) => fromWire(seq, "results.seqs"));
  const [first] = kept ?? [];
  return { seqs, kept: first !== undefined && kept?.length === 1 ? seqs.map(() => first) : (kept ?? []) };
}
