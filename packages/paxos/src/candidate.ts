import { type Ballot, ballotAbove, compareBallots, type MemberId, Tally } from "@halon/consensus";
import { onPrepare } from "./acceptor.ts";
import { becomeLeader } from "./leader.ts";
import { askToLearn } from "./learner.ts";
import type { PaxosMessage } from "./message.ts";
import { becomeFollower } from "./reign.ts";
import { type Candidate, noteBallot, send, setLeader, setTimer, type Turn } from "./state.ts";

type Message<K extends PaxosMessage["kind"]> = PaxosMessage & { kind: K };

/** No acceptor accepts further ahead of what it knows to be chosen, whatever its `alpha`. */
const OPEN_SUFFIX_MAX = 65_536;

/** Fires when a leader may have been silent for too long, or an election came to nothing. */
export function onElectionTimer(turn: Turn, random: number): void {
  const { state } = turn;
  if (state.role.kind === "leader") return;
  state.electionSpanMs = state.config.electionMs * (1 + random / 2);
  const dueMs = state.leaderHeardAtMs + state.electionSpanMs;
  if (state.role.kind === "follower" && turn.nowMs < dueMs) setTimer(turn, "election", dueMs);
  else becomeCandidate(turn);
}

/**
 * Phase 1a: one Prepare for all open decrees, to this member's own acceptor, then to everybody else. It leaves only when
 * the own promise is durable: else a crash could forget it, and the next life would use the same ballot for other values.
 */
export function becomeCandidate(turn: Turn): void {
  const { state } = turn;
  const { self, membership } = state.config;
  const ballot = ballotAbove(self, state.highestSeen, state.promised);
  noteBallot(state, ballot);
  const promised = new Tally(membership);
  state.role = { kind: "candidate", ballot, promised, entries: new Map(), chosenTold: 0, chosenTeller: self };
  setLeader(turn, undefined);
  setTimer(turn, "election", turn.nowMs + state.electionSpanMs / 2);
  const message = { kind: "prepare", ballot, from: state.table.chosen + 1 } as const;
  onPrepare(turn, self, message);
  send(turn, "all", message, true);
}

/** Collects promises. For each decree only the entry of the highest ballot can have been chosen. */
export function onPrepareOk(turn: Turn, from: MemberId, message: Message<"prepareOk">): void {
  const { role } = turn.state;
  if (role.kind !== "candidate" || compareBallots(role.ballot, message.ballot) !== 0 || role.promised.has(from)) return;
  for (const entry of message.entries) {
    if (entry.number > message.chosen + OPEN_SUFFIX_MAX) continue;
    const known = role.entries.get(entry.number);
    if (known === undefined || compareBallots(entry.ballot, known.ballot) > 0) role.entries.set(entry.number, entry);
  }
  if (message.chosen > role.chosenTold) {
    role.chosenTold = message.chosen;
    role.chosenTeller = from;
  }
  const last = message.entries.at(-1);
  if (message.more && last !== undefined)
    return send(turn, from, { kind: "prepare", ballot: role.ballot, from: last.number + 1 });
  role.promised.add(from);
  maybeLead(turn, role);
}

/**
 * With promises of a quorum, and everything held that one of them knows to be chosen, the candidate leads: of later
 * decrees all in the quorum have told all they accepted. Called again when something was learned.
 */
export function maybeLead(turn: Turn, role: Candidate): void {
  const { state } = turn;
  if (!role.promised.isQuorum) return;
  if (state.table.chosen >= role.chosenTold) return becomeLeader(turn, role);
  state.knownChosen = Math.max(state.knownChosen, role.chosenTold);
  if (!state.learning) askToLearn(turn, role.chosenTeller);
}

/** Somebody has promised a higher ballot: stand back, and try again later if no leader comes of it. */
export function onRefused(turn: Turn, promised: Ballot): void {
  const { state } = turn;
  noteBallot(state, promised);
  if (state.role.kind !== "follower" && compareBallots(promised, state.role.ballot) > 0) becomeFollower(turn);
}
