import { compareBallots, type MemberId, Tally } from "@halon/consensus";
import { isFree } from "./acceptor.ts";
import { stretched } from "./config.ts";
import { noteChosen } from "./learner.ts";
import type { MessageOf } from "./message.ts";
import { heardLeader } from "./reign.ts";
import type { Leader } from "./role.ts";
import { assertMembership, isMember, noteBallot, send, type Turn } from "./state.ts";

/** Heartbeats whose answers are awaited; older ones are given up. */
const ROUNDS_MAX = 16;
/** Progress that was not heard of for so many election spans is forgotten. */
const PROGRESS_SPANS = 3;
/** Reads that may wait for a round; further ones are not confirmed. */
const ASKED_MAX = 1_024;

/**
 * Leases and fresh reads. A leader asks for its lease with each heartbeat and counts it from *before it asked*, an acceptor
 * counts its grant from when it answers, and longer by what two clocks may differ: so a grant outlives the lease it is for.
 * While a quorum's grants last no other proposer finishes phase 1, as any quorum has one acceptor that does not answer it;
 * so nothing is decided that this leader does not know of. Grants are not logged: an acceptor that starts waits one
 * stretched lease before it promises or grants anything. Without a lease, a round of heartbeats that began after the read
 * says the same of the past: a quorum had promised no higher ballot when it answered.
 */
export function beat(turn: Turn, role: Leader): void {
  const { state, nowMs } = turn;
  const { self, leaseMs } = state.config;
  const membership = assertMembership(state);
  const round: Leader["rounds"] extends Map<number, infer R> ? R : never = {
    sentAtMs: nowMs,
    answered: new Tally(membership),
    granted: new Tally(membership),
  };
  role.rounds.set(++role.round, round);
  role.rounds.delete(role.round - ROUNDS_MAX);
  role.announced = state.table.chosen;
  const spanMs = PROGRESS_SPANS * state.config.electionMs;
  for (const [id, { atMs }] of role.progress) if (nowMs - atMs > spanMs) role.progress.delete(id);
  send(turn, "all", { kind: "heartbeat", ballot: role.ballot, chosen: role.announced, round: role.round, leaseMs });
  round.answered.add(self);
  if (maybeGrant(turn, self, leaseMs)) round.granted.add(self);
  count(turn, role, role.round);
}

/** An acceptor's word that it answers no other proposer for the span of a lease. */
function maybeGrant(turn: Turn, to: MemberId, leaseMs: number): boolean {
  const { state, nowMs } = turn;
  if (nowMs < state.silentUntilMs || leaseMs > state.config.grantMsMax || !isFree(turn, to)) return false;
  // A shorter lease that is asked for later ends none before it.
  const before = state.grant?.to === to ? state.grant.untilMs : nowMs;
  state.grant = { to, untilMs: Math.max(before, nowMs + stretched(leaseMs)) };
  return true;
}

export function onHeartbeat(
  turn: Turn,
  from: MemberId,
  { ballot, chosen, round, leaseMs }: MessageOf<"heartbeat">,
): void {
  const { state } = turn;
  const votes = isMember(state, state.config.self);
  // Who has no vote has nothing to refuse by.
  if (votes && compareBallots(ballot, state.promised) < 0)
    return send(turn, from, { kind: "refused", promised: state.promised });
  noteBallot(state, ballot);
  heardLeader(turn, from, ballot);
  const granted = votes && maybeGrant(turn, from, leaseMs);
  const { legislature } = assertMembership(state);
  noteChosen(turn, from, ballot, chosen);
  // What it says may have ended the legislature that was asked.
  if (assertMembership(state).legislature !== legislature) return;
  send(turn, from, { kind: "heartbeatOk", ballot, round, granted, chosen: state.table.chosen });
}

export function onHeartbeatOk(turn: Turn, from: MemberId, message: MessageOf<"heartbeatOk">): void {
  const { state, nowMs } = turn;
  const { role } = state;
  if (role.kind !== "leader" || compareBallots(role.ballot, message.ballot) !== 0) return;
  role.progress.set(from, { chosen: message.chosen, atMs: nowMs });
  if (!isMember(state, from)) return;
  role.answeredAtMs.set(from, nowMs);
  const round = role.rounds.get(message.round);
  if (round === undefined) return;
  round.answered.add(from);
  if (message.granted) round.granted.add(from);
  count(turn, role, message.round);
}

/** What a round has come to. */
function count(turn: Turn, role: Leader, number: number): void {
  const round = role.rounds.get(number);
  if (round === undefined) return;
  const { leaseMs } = turn.state.config;
  if (round.granted.isQuorum) role.leaseUntilMs = Math.max(role.leaseUntilMs, round.sentAtMs + leaseMs);
  if (!round.answered.isQuorum || number <= role.roundAnswered) return;
  role.roundAnswered = number;
  const ready = role.asked.filter((asked) => asked.round <= number);
  for (const { token, number: through } of ready) turn.out.push({ kind: "confirmed", token, number: through });
  role.asked = role.asked.filter((asked) => asked.round > number);
  if (role.asked.length > 0 && role.round === number) beat(turn, role);
}

/** A stop sign in flight may be chosen, and the next legislature begin, without anybody's grant being broken. */
export const isLeased = ({ state, nowMs }: Pick<Turn, "state" | "nowMs">): boolean =>
  state.role.kind === "leader" && nowMs < state.role.leaseUntilMs && state.role.stopAt === undefined;

/**
 * A read that comes now. Nothing was decided anywhere above what this leader knows to be chosen, or has found in phase 1,
 * if it leads yet.
 */
export function confirm(turn: Turn, token: number): void {
  const { state } = turn;
  const { role, table } = state;
  // A stop sign may have been chosen before this reign: then another legislature decides already, and need not ask this one.
  if (role.kind !== "leader" || role.stopAt !== undefined || role.asked.length >= ASKED_MAX) {
    turn.out.push({ kind: "unconfirmed", token });
    return;
  }
  const number = Math.max(table.chosen, role.reignFrom);
  if (isLeased(turn)) {
    turn.out.push({ kind: "confirmed", token, number });
    return;
  }
  role.asked.push({ token, number, round: role.round + 1 });
  // One round at a time: those that ask meanwhile share the next.
  if (role.roundAnswered === role.round) beat(turn, role);
}
