import {
  assert,
  BALLOT_ZERO,
  type Ballot,
  type ConsensusOutput,
  compareBallots,
  formatBallot,
  type MemberId,
  type Membership,
} from "@halon/consensus";
import { encodeMessage, encodeRecord } from "./codec.ts";
import type { PaxosConfig } from "./config.ts";
import { DecreeTable } from "./decree-table.ts";
import type { MessageOf, PaxosMessage, PaxosRecord } from "./message.ts";
import type { Candidate, Follower, Leader, Learner } from "./role.ts";

/** What is known of another member, to notice a journal that was copied or rolled back. */
export interface Peer {
  boot: number;
  /** When this life of it was first heard. */
  sinceMs: number;
  /** Its present life has said how it began, and that was in order. */
  greeted: boolean;
  /** Highest ballot that it has confirmed, durably. */
  promised: Ballot;
  /** Highest decree that it has confirmed in this legislature, durably. */
  accepted: number;
}

/** Records asked of the journal: of decrees from `from` on, to teach `to`, or to deliver. */
export interface Read {
  readonly to: MemberId | undefined;
  readonly from: number;
  readonly lowestSeq: number;
}

/** A membership, and the first decree it decides on. */
export interface Legislature {
  readonly membership: Membership;
  readonly first: number;
}

/** Everything one member knows. What must survive a crash (`promised`, `table`, `legislatures`, `boot`) is rebuilt from the records. */
export interface PaxosState {
  readonly config: Required<PaxosConfig>;
  readonly table: DecreeTable;
  /** From the one that decided the oldest decree kept, to the one in force. Empty: nobody has told yet. */
  legislatures: Legislature[];
  /** Invariant: never falls. No Accept of a lower ballot is accepted, no Prepare of a lower one promised. */
  promised: Ballot;
  /** When this life has last answered a Prepare of a higher ballot. */
  promisedAtMs: number;
  /** Highest ballot seen anywhere: the next own ballot is above it. */
  highestSeen: Ballot;
  role: Learner | Follower | Candidate | Leader;
  leader: MemberId | undefined;
  leaderHeardAtMs: number;
  /** Drawn once for each silence: what is drawn again and again until it has passed is the longest there is. */
  electionSpanMs: number;
  /** When the leader had been heard for which that was drawn. */
  electionSpanOfMs: number;
  /** When the election timer is due. */
  electionDueMs: number;
  /** It was late, and those who may have been heard meanwhile were given time. */
  electionLate: boolean;
  /** Longest of the late silences of the present leader that it has ended itself. */
  gapMs: number;
  /** Led the legislature before, and so stands in this one at once. */
  goesFirst: boolean;
  /** Candidacies that came to nothing since a leader was heard. */
  attempts: number;
  /** No other proposer is promised anything before that. */
  grant: { readonly to: MemberId; readonly untilMs: number } | undefined;
  /** An earlier life may have granted a lease: until it has lapsed nothing is promised nor granted. */
  silentUntilMs: number;
  /** Accepts that came before their predecessors, by number. Of one ballot. */
  early: Map<number, MessageOf<"accept">>;
  /** What the leader of `ballot` said is chosen. */
  told: { ballot: Ballot; chosen: number };
  /** Invariant: table.chosen <= knownChosen once a leader was heard. */
  knownChosen: number;
  learning: boolean;
  /** Who has said that it does not keep decree `chosen + 1` any more. */
  without: { readonly chosen: number; readonly members: Set<MemberId> };
  /** The applied state has to be replaced by somebody else's; who that may be. */
  lacking: { from: MemberId | undefined } | undefined;
  /** Applying is behind: no room for more. */
  isFull: boolean;
  /** Last decree given out. May be above `chosen` after a restart: then it was applied in an earlier life. */
  delivered: number;
  /** Seq of the newest record. */
  recordSeq: number;
  /** Names this life. */
  boot: number;
  /** The name is durable: no later life will have it. */
  isNamed: boolean;
  /** What this life has found on its disk. */
  born: { readonly promised: Ballot; readonly accepted: number };
  readonly peers: Map<MemberId, Peer>;
  readonly disowned: Map<MemberId, string>;
  readonly reads: Map<number, Read>;
  readToken: number;
  refused: number;
  /** Of the last step. */
  nowMs: number;
}

export const createState = (config: Required<PaxosConfig>): PaxosState => ({
  config,
  table: new DecreeTable(config.cacheBytesMax),
  legislatures: [],
  promised: BALLOT_ZERO,
  promisedAtMs: Number.NEGATIVE_INFINITY,
  highestSeen: BALLOT_ZERO,
  role: { kind: "learner" },
  leader: undefined,
  leaderHeardAtMs: Number.NEGATIVE_INFINITY,
  electionSpanMs: config.electionMs,
  electionSpanOfMs: Number.NaN,
  electionDueMs: Number.POSITIVE_INFINITY,
  electionLate: false,
  gapMs: 0,
  goesFirst: false,
  attempts: 0,
  grant: undefined,
  silentUntilMs: Number.NEGATIVE_INFINITY,
  early: new Map(),
  told: { ballot: BALLOT_ZERO, chosen: 0 },
  knownChosen: 0,
  learning: false,
  without: { chosen: -1, members: new Set() },
  lacking: undefined,
  isFull: false,
  delivered: 0,
  recordSeq: 0,
  boot: 0,
  isNamed: false,
  born: { promised: BALLOT_ZERO, accepted: 0 },
  peers: new Map(),
  disowned: new Map(),
  reads: new Map(),
  readToken: 0,
  refused: 0,
  nowMs: Number.NEGATIVE_INFINITY,
});

/** One step in progress: the state, the time of its input, and what it has brought about so far. */
export interface Turn {
  readonly state: PaxosState;
  readonly nowMs: number;
  readonly out: ConsensusOutput[];
}

/** Who decides now. */
export const membershipOf = ({ legislatures }: PaxosState): Membership | undefined => legislatures.at(-1)?.membership;

export const isMember = (state: PaxosState, member: MemberId): boolean =>
  membershipOf(state)?.members.includes(member) ?? false;

/** For who is known to be in a legislature. */
export function assertMembership(state: PaxosState): Membership {
  const membership = membershipOf(state);
  assert(membership !== undefined, "no membership is known");
  return membership;
}

export function send(turn: Turn, to: MemberId | "all", message: PaxosMessage, afterPersist = false): void {
  const { config, boot, isNamed } = turn.state;
  const legislature = membershipOf(turn.state)?.legislature ?? 0;
  const bytes = encodeMessage({ group: config.group, legislature, boot, message });
  turn.out.push({ kind: "send", to, bytes, afterPersist: afterPersist || !isNamed });
}

/** Returns the seq that the record gets. */
export function persist(turn: Turn, record: PaxosRecord): number {
  turn.out.push({ kind: "persist", record: encodeRecord(record) });
  return ++turn.state.recordSeq;
}

export function setTimer(turn: Turn, name: string, atMs: number | undefined): void {
  if (name === "election") turn.state.electionDueMs = atMs ?? Number.POSITIVE_INFINITY;
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
  const flaw = flawIn(state);
  assert(flaw === undefined, flaw ?? "");
}

/** In words, which are made only when there is one: this is asked in each step. */
function flawIn(state: PaxosState): string | undefined {
  const { role, table, promised, config } = state;
  if (compareBallots(state.highestSeen, promised) < 0)
    return `promised ${formatBallot(promised)} above all seen, ${formatBallot(state.highestSeen)}`;
  if ((role.kind === "learner") === isMember(state, config.self))
    return `${config.self} is ${role.kind} in the legislature of ${membershipOf(state)?.members.join(", ")}`;
  if (role.kind !== "leader") return undefined;
  if (state.leader !== config.self) return `leads, but takes ${String(state.leader)} for the leader`;
  if (role.next <= table.chosen) return `next decree ${role.next} is chosen already, up to ${table.chosen}`;
  if (role.stopAt !== undefined && role.next !== role.stopAt + 1)
    return `next decree ${role.next}, though ${role.stopAt} is a stop sign`;
  for (const number of role.inFlight.keys())
    if (number <= table.chosen || number >= role.next)
      return `in flight ${number}: not in ${table.chosen + 1} … ${role.next - 1}`;
  return undefined;
}
