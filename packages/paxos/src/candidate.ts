import { assert, BALLOT_ZERO, type Ballot, ballotAbove, compareBallots, type MemberId, Tally } from "@halon/consensus";
import { isFree, onPrepare } from "./acceptor.ts";
import { FENCE_ROUND, PATIENCE_MAX } from "./config.ts";
import { becomeLeader } from "./leader.ts";
import { askToLearn } from "./learner.ts";
import type { MessageOf } from "./message.ts";
import { becomeFollower } from "./reign.ts";
import type { Candidate } from "./role.ts";
import { assertMembership, noteBallot, send, setLeader, setTimer, type Turn } from "./state.ts";

/** A candidate that comes to nothing tries again after a quarter of `electionMs`, twice that, and no more than that. */
const ATTEMPTS_MAX = 2;

/** Fires when a leader may have been silent for too long, or an election came to nothing. */
export function onElectionTimer(turn: Turn, random: number): void {
  const { state, nowMs } = turn;
  const { role, config } = state;
  if (role.kind === "leader" || role.kind === "learner") return;
  if (state.highestSeen.round >= FENCE_ROUND - 1) return;
  maybeDrawSpan(turn, random);
  if (state.goesFirst && isFree(turn, config.self)) return becomeCandidate(turn, true);
  let dueMs = role.kind === "follower" ? state.leaderHeardAtMs + state.electionSpanMs : nowMs;
  // Whose applied state is gone, or far behind, could not answer for it.
  if (state.lacking !== undefined || state.isFull) dueMs = Math.max(dueMs, nowMs + config.electionMs);
  // Nobody else would be promised anything before; nor would this member by itself.
  if (!isFree(turn, config.self)) dueMs = Math.max(dueMs, state.silentUntilMs, state.grant?.untilMs ?? 0);
  if (nowMs < dueMs) return setTimer(turn, "election", dueMs);
  if (maybeListen(turn)) return;
  becomeCandidate(turn, false);
  const retryMs = (config.electionMs / 4) * (1 + random) * 2 ** Math.min(state.attempts++, ATTEMPTS_MAX - 1);
  setTimer(turn, "election", nowMs + retryMs);
}

/** A leader that is heard with gaps is waited for twice as long as the longest of them, within bounds. */
function maybeDrawSpan({ state }: Turn, random: number): void {
  const { role, config, leaderHeardAtMs, gapMs } = state;
  if (role.kind !== "candidate" && state.electionSpanOfMs === leaderHeardAtMs) return;
  state.electionSpanOfMs = leaderHeardAtMs;
  const patientMs = Math.min(PATIENCE_MAX * config.electionMs, Math.max(config.electionMs, 2 * gapMs));
  state.electionSpanMs = patientMs * (1 + random / 4);
}

/**
 * A timer that is late says that this member stood still, and maybe the whole machine did: what the leader said meanwhile
 * may wait to be read, or to be said. Once in a silence it is given time.
 */
function maybeListen(turn: Turn): boolean {
  const { state, nowMs } = turn;
  const spanMs = state.config.heartbeatMs / 2;
  const isLate = state.role.kind === "follower" && state.leader !== undefined && nowMs - state.electionDueMs > spanMs;
  if (!isLate || state.electionLate) return false;
  state.electionLate = true;
  setTimer(turn, "election", nowMs + spanMs);
  return true;
}

/** Stands. `isKnown`: this member led until now, nobody has to be asked whether they hear another leader. */
function becomeCandidate(turn: Turn, isKnown: boolean): void {
  const { state } = turn;
  const membership = assertMembership(state);
  const { self } = state.config;
  const role: Candidate = {
    kind: "candidate",
    stage: "probe",
    ballot: BALLOT_ZERO,
    willing: new Tally(membership),
    promised: new Tally(membership),
    entries: new Map(),
    chosenTold: 0,
    chosenTeller: self,
  };
  state.role = role;
  state.goesFirst = false;
  setLeader(turn, undefined);
  setTimer(turn, "election", turn.nowMs + state.electionSpanMs / 4);
  role.willing.add(self);
  if (isKnown || role.willing.isQuorum) prepare(turn, role);
  else send(turn, "all", { kind: "probe", chosen: state.table.chosen });
}

export function onProbeOk(turn: Turn, from: MemberId, { promised }: MessageOf<"probeOk">): void {
  const { role } = turn.state;
  noteBallot(turn.state, promised);
  if (role.kind !== "candidate" || role.stage !== "probe") return;
  role.willing.add(from);
  // It may have granted a lease since it asked.
  if (role.willing.isQuorum && isFree(turn, turn.state.config.self)) prepare(turn, role);
}

/**
 * Phase 1a: one Prepare for all open decrees, to this member's own acceptor, then to everybody else. It leaves only when
 * the own promise is durable: else a crash could forget it, and the next life would use the same ballot for other values.
 */
function prepare(turn: Turn, role: Candidate): void {
  const { state } = turn;
  assert(isFree(turn, state.config.self), `${state.config.self} stands, though its own acceptor would not have it`);
  role.stage = "prepare";
  role.ballot = ballotAbove(state.config.self, state.highestSeen, state.promised);
  noteBallot(state, role.ballot);
  onPrepare(turn, state.config.self, prepareOf(turn, role));
  send(turn, "all", prepareOf(turn, role), true);
}

const prepareOf = ({ state }: Turn, { ballot }: Candidate): MessageOf<"prepare"> => ({
  kind: "prepare",
  ballot,
  from: state.table.chosen + 1,
});

/** A member whose answer could not be taken before, as it had just begun its life, is asked again. */
export function onGreeted(turn: Turn, from: MemberId): void {
  const { role } = turn.state;
  if (role.kind === "candidate" && role.stage === "prepare" && !role.promised.has(from))
    send(turn, from, prepareOf(turn, role), true);
}

/**
 * Collects promises. For each decree only the entry of the highest ballot can have been chosen. None may be left out; no
 * acceptor holds more than OPEN_ENTRIES_MAX and a window.
 */
export function onPrepareOk(turn: Turn, from: MemberId, message: MessageOf<"prepareOk">): void {
  const { role } = turn.state;
  if (role.kind !== "candidate" || compareBallots(role.ballot, message.ballot) !== 0 || role.promised.has(from)) return;
  for (const entry of message.entries) {
    const known = role.entries.get(entry.number);
    if (known === undefined || compareBallots(entry.ballot, known.ballot) > 0) role.entries.set(entry.number, entry);
  }
  if (message.chosen > role.chosenTold) {
    role.chosenTold = message.chosen;
    role.chosenTeller = from;
  }
  const last = message.entries.at(-1);
  if (message.more && last !== undefined) {
    const rest = { kind: "prepare", ballot: role.ballot, from: last.number + 1 } as const;
    // Its own acceptor takes no Prepare from outside.
    return from === turn.state.config.self ? onPrepare(turn, from, rest) : send(turn, from, rest);
  }
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
  const { role } = state;
  noteBallot(state, promised);
  if ((role.kind === "leader" || role.kind === "candidate") && compareBallots(promised, role.ballot) > 0)
    if (role.kind === "leader" || role.stage === "prepare") becomeFollower(turn);
}
