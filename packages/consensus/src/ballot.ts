import type { MemberId } from "./ids.ts";

/**
 * A proposer's turn. Ballots are totally ordered by (round, member); no two proposers share one, as each uses only
 * ballots that carry its own id. Lamport, "The Part-Time Parliament", §2.1.
 */
export interface Ballot {
  readonly round: number;
  readonly member: MemberId;
}

/** Below every ballot that a proposer can use. */
export const BALLOT_ZERO: Ballot = { round: 0, member: "" };

/** Negative, zero or positive as `a` is below, equal to or above `b`. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.round !== b.round) return a.round - b.round;
  return a.member < b.member ? -1 : a.member > b.member ? 1 : 0;
}

/** The lowest ballot of `member` above all of `others`. */
export const ballotAbove = (member: MemberId, ...others: readonly Ballot[]): Ballot => ({
  round: 1 + Math.max(0, ...others.map((ballot) => ballot.round)),
  member,
});

/** For messages to people: `7.station-2`. */
export const formatBallot = (ballot: Ballot): string => `${ballot.round}.${ballot.member || "-"}`;
