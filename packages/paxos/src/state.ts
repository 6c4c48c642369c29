import {
  assert,
  BALLOT_ZERO,
  type Ballot,
  type ConsensusOutput,
  compareBallots,
  formatBallot,
  type MemberId,
  type Tally,
} from "@halon/consensus";
import { encodeMessage, encodeRecord } from "./codec.ts";
import type { PaxosConfig } from "./config.ts";
import { DecreeTable } from "./decree-table.ts";
import type { Entry, PaxosMessage, PaxosRecord } from "./message.ts";

export interface Follower {
  readonly kind: "follower";
}

/** Phase 1 is under way. */
export interface Candidate {
  readonly kind: "candidate";
  readonly ballot: Ballot;
  /** Who has promised and told all of its open suffix. */
  readonly promised: Tally;
  /** Per decree, the entry of the highest ballot that was told. */
  readonly entries: Map<number, Entry>;
  /** What must be held before leading: the highest `chosen` that was told, and by whom. */
  chosenTold: number;
  chosenTeller: MemberId;
}

export interface InFlight {
  readonly value: Uint8Array;
  readonly accepted: Tally;
  sentAtMs: number;
}

export interface Leader {
  readonly kind: "leader";
  readonly ballot: Ballot;
  /** Invariant: every key is above `chosen` and below `next`. */
  readonly inFlight: Map<number, InFlight>;
  next: number;
  /** The others were told of decrees chosen up to here. */
  announced: number;
  /** When each member last answered in this reign. */
  readonly answeredAtMs: Map<MemberId, number>;
}

/** Everything one member knows. Only `promised` and `table` must survive a crash; both are rebuilt from the records. */
export interface PaxosState {
  readonly config: Required<PaxosConfig>;
  readonly table: DecreeTable;
  /** Invariant: never falls. No Accept of a lower ballot is accepted, no Prepare of a lower one promised. */
  promised: Ballot;
  /** Highest ballot seen anywhere: the next own ballot is above it. */
  highestSeen: Ballot;
  role: Follower | Candidate | Leader;
  leader: MemberId | undefined;
  leaderHeardAtMs: number;
  electionSpanMs: number;
  /** What the leader of `ballot` said is chosen. */
  told: { ballot: Ballot; chosen: number };
  /** Invariant: table.chosen <= knownChosen once a leader was heard. */
  knownChosen: number;
  learning: boolean;
  /** Last decree given out. May be above `chosen` after a restart: then it was applied in an earlier life. */
  delivered: number;
  recordCount: number;
  readonly reads: Map<number, { readonly to: MemberId | undefined; readonly from: number }>;
  readToken: number;
  refused: number;
}

export const createState = (config: Required<PaxosConfig>): PaxosState => ({
  config,
  table: new DecreeTable(config.cacheBytesMax),
  promised: BALLOT_ZERO,
  highestSeen: BALLOT_ZERO,
  role: { kind: "follower" },
  leader: undefined,
  leaderHeardAtMs: Number.NEGATIVE_INFINITY,
  electionSpanMs: config.electionMs,
  told: { ballot: BALLOT_ZERO, chosen: 0 },
  knownChosen: 0,
  learning: false,
  delivered: 0,
  recordCount: 0,
  reads: new Map(),
  readToken: 0,
  refused: 0,
});

/** One step in progress: the state, the time of its input, and what it has brought about so far. */
export interface Turn {
  readonly state: PaxosState;
  readonly nowMs: number;
  readonly out: ConsensusOutput[];
}

export function send(turn: Turn, to: MemberId | "all", message: PaxosMessage, afterPersist = false): void {
  const { group, membership } = turn.state.config;
  const bytes = encodeMessage({ group, legislature: membership.legislature, message });
  turn.out.push({ kind: "send", to, bytes, afterPersist });
}

/** Returns the seq that the record gets. */
export function persist(turn: Turn, record: PaxosRecord): number {
  turn.out.push({ kind: "persist", record: encodeRecord(record) });
  return ++turn.state.recordCount;
}

export function setTimer(turn: Turn, name: string, atMs: number | undefined): void {
  turn.out.push({ kind: "timer", name, atMs });
}

export function noteBallot(state: PaxosState, ballot: Ballot): void {
  if (compareBallots(ballot, state.highestSeen) > 0) state.highestSeen = ballot;
}

export function promise(state: PaxosState, ballot: Ballot): void {
  assert(
    compareBallots(ballot, state.promised) >= 0,
    `promise fell from ${formatBallot(state.promised)} to ${formatBallot(ballot)}`,
  );
  state.promised = ballot;
  noteBallot(state, ballot);
}

export function setLeader(turn: Turn, leader: MemberId | undefined): void {
  if (turn.state.leader === leader) return;
  turn.state.leader = leader;
  turn.out.push({ kind: "leader", leader });
}

/** Holds after each step. */
export function assertState(state: PaxosState): void {
  const { role, table, promised } = state;
  assert(
    compareBallots(state.highestSeen, promised) >= 0,
    `promised ${formatBallot(promised)} above all seen, ${formatBallot(state.highestSeen)}`,
  );
  if (role.kind !== "leader") return;
  assert(state.leader === state.config.self, `leads, but takes ${String(state.leader)} for the leader`);
  assert(role.next > table.chosen, `next decree ${role.next} is chosen already, up to ${table.chosen}`);
  for (const number of role.inFlight.keys())
    assert(
      number > table.chosen && number < role.next,
      `in flight ${number}: not in ${table.chosen + 1} … ${role.next - 1}`,
    );
}
