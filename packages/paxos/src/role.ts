import type { Ballot, MemberId, Tally } from "@halon/consensus";
import type { Content, Entry } from "./message.ts";

/** No member of the legislature in force: it has no vote. */
export interface Learner {
  readonly kind: "learner";
}

export interface Follower {
  readonly kind: "follower";
}

/** Wants to lead. First it asks who would have it, so that one who hears less disturbs nobody; then phase 1. */
export interface Candidate {
  readonly kind: "candidate";
  stage: "probe" | "prepare";
  /** Of phase 1; {@link BALLOT_ZERO} before. */
  ballot: Ballot;
  readonly willing: Tally;
  /** Who has promised and told all of its open suffix. */
  readonly promised: Tally;
  /** Per decree, the entry of the highest ballot that was told. */
  readonly entries: Map<number, Entry>;
  /** What must be held before leading: the highest `chosen` that was told, and by whom. */
  chosenTold: number;
  chosenTeller: MemberId;
}

export interface InFlight {
  readonly content: Content;
  readonly accepted: Tally;
  readonly proposedAtMs: number;
  sentAtMs: number;
  /** How often it was repeated. */
  resends: number;
}

/** A heartbeat and who has answered it. */
export interface Round {
  readonly sentAtMs: number;
  readonly answered: Tally;
  readonly granted: Tally;
}

/** A read that waits until a quorum has confirmed the reign in this round or a later one. */
export interface Asked {
  readonly token: number;
  readonly number: number;
  readonly round: number;
}

export interface Leader {
  readonly kind: "leader";
  readonly ballot: Ballot;
  /** Invariant: every key is above `chosen` and below `next`. */
  readonly inFlight: Map<number, InFlight>;
  next: number;
  /** The last decree that phase 1 has brought up: all that was decided before this reign is not above it. */
  readonly reignFrom: number;
  /** Number of the stop sign in flight. Invariant: then `next` is one above it. */
  stopAt: number | undefined;
  /** The others were told of decrees chosen up to here. */
  announced: number;
  /** How long a quorum has lately taken to accept a decree: the longest, forgotten bit by bit. */
  acceptedInMs: number;
  /** When each member last answered in this reign. */
  readonly answeredAtMs: Map<MemberId, number>;
  /** How far those who answered, members or not, say they are. */
  readonly progress: Map<MemberId, { readonly chosen: number; readonly atMs: number }>;
  round: number;
  readonly rounds: Map<number, Round>;
  /** Newest round that a quorum has answered. Invariant: roundAnswered <= round. */
  roundAnswered: number;
  /** The lease lasts until then, by this member's clock. */
  leaseUntilMs: number;
  asked: Asked[];
}
