import {
  assert,
  compareBallots,
  createMembership,
  type MemberId,
  quorumSize,
  Tally,
  VALUE_BYTES_MAX,
} from "@halon/consensus";
import { onAccept } from "./acceptor.ts";
import { choose } from "./learner.ts";
import { beat } from "./lease.ts";
import type { Content, MessageOf } from "./message.ts";
import { becomeFollower } from "./reign.ts";
import type { Candidate, Leader } from "./role.ts";
import { assertMembership, send, setLeader, setTimer, type Turn } from "./state.ts";

const NO_VALUE = new Uint8Array(0);

/**
 * Phase 1 is won: what may have been chosen is proposed again. A stop sign among it ends the legislature; what was accepted
 * behind one in a lower ballot was proposed by a leader that did not know of it, and cannot have been chosen.
 */
export function becomeLeader(turn: Turn, candidate: Candidate): void {
  const { state } = turn;
  const { self } = state.config;
  const { members } = assertMembership(state);
  const next = state.table.chosen + 1;
  const last = Math.max(state.table.chosen, ...candidate.entries.keys());
  const role: Leader = {
    kind: "leader",
    ballot: candidate.ballot,
    inFlight: new Map(),
    next,
    reignFrom: last,
    stopAt: undefined,
    announced: 0,
    acceptedInMs: 0,
    answeredAtMs: new Map(members.map((member) => [member, turn.nowMs])),
    progress: new Map(),
    round: 0,
    rounds: new Map(),
    roundAnswered: 0,
    leaseUntilMs: Number.NEGATIVE_INFINITY,
    asked: [],
  };
  state.role = role;
  state.learning = false;
  setLeader(turn, self);
  for (const name of ["election", "learn"]) setTimer(turn, name, undefined);
  setTimer(turn, "resend", turn.nowMs + state.config.resendMs);
  for (let number = next; number <= last && role.stopAt === undefined; number++) {
    const entry = candidate.entries.get(number);
    // Accepts are contiguous: what lies below an accepted decree was accepted, or chosen, by somebody in each quorum.
    assert(entry !== undefined, `nobody has told of decree ${number}, but of ${last}`);
    passDecree(turn, role, entry);
    if (role.stopAt !== undefined) assertVoid(candidate, number, last);
  }
  onHeartbeatTimer(turn);
}

/** Nothing behind the stop sign was accepted in its ballot or a higher one. */
function assertVoid({ entries }: Candidate, stop: number, last: number): void {
  const sign = entries.get(stop);
  for (let number = stop + 1; number <= last; number++) {
    const entry = entries.get(number);
    assert(
      sign === undefined || entry === undefined || compareBallots(entry.ballot, sign.ballot) < 0,
      `decree ${number} was accepted behind the stop sign ${stop}`,
    );
  }
}

/** True when a decree would be taken now. */
export const mayPropose = ({ state }: Pick<Turn, "state">): boolean =>
  state.role.kind === "leader" &&
  state.role.stopAt === undefined &&
  !state.isFull &&
  state.role.inFlight.size < state.config.alpha;

/** Takes a value, or the members of the next legislature, for the next decree; or does nothing. */
export function propose(turn: Turn, content: Content): void {
  const { role } = turn.state;
  const { byteLength } = content.value;
  assert(byteLength <= VALUE_BYTES_MAX, `value of ${byteLength} bytes: at most ${VALUE_BYTES_MAX}`);
  if (role.kind !== "leader" || !mayPropose(turn)) return;
  turn.out.push({ kind: "proposed", number: role.next });
  passDecree(turn, role, content);
}

/** Throws a MembershipError unless they can make a group. */
export const proposeMembers = (turn: Turn, members: readonly MemberId[]): void =>
  propose(turn, { value: NO_VALUE, members: createMembership(members).members });

/** Phase 2a: one message for everybody else. The leader's own acceptor is asked first, and flushes beside the others. */
function passDecree(turn: Turn, role: Leader, { value, members }: Content): void {
  const { state, nowMs } = turn;
  const { config, table } = state;
  assert(role.stopAt === undefined, `decree ${role.next} proposed behind the stop sign ${role.stopAt}`);
  const number = role.next++;
  if (members !== undefined) role.stopAt = number;
  const accepted = new Tally(assertMembership(state));
  role.inFlight.set(number, {
    content: { value, members },
    accepted,
    proposedAtMs: nowMs,
    sentAtMs: nowMs,
    resends: 0,
  });
  const message = { kind: "accept", ballot: role.ballot, number, value, members, chosen: table.chosen } as const;
  role.announced = table.chosen;
  onAccept(turn, config.self, message);
  assert(table.open(number) !== undefined, `the leader's own acceptor refused decree ${number}`);
  send(turn, "all", message);
}

export function onAcceptOk(turn: Turn, from: MemberId, message: MessageOf<"acceptOk">): void {
  const { state } = turn;
  const { role, table } = state;
  if (role.kind !== "leader" || compareBallots(role.ballot, message.ballot) !== 0) return;
  role.answeredAtMs.set(from, turn.nowMs);
  role.inFlight.get(message.number)?.accepted.add(from);
  // A stop sign ends the office.
  for (;;) {
    const next = role.inFlight.get(table.chosen + 1);
    if (state.role !== role || !next?.accepted.isQuorum) break;
    role.acceptedInMs = Math.max(turn.nowMs - next.proposedAtMs, role.acceptedInMs * ACCEPTED_DECAY);
    role.inFlight.delete(table.chosen + 1);
    choose(turn);
  }
  if (state.role === role && table.chosen > role.announced)
    setTimer(turn, "announce", turn.nowMs + state.config.announceMs);
}

export function onAnnounceTimer(turn: Turn): void {
  const { role, table } = turn.state;
  if (role.kind === "leader" && table.chosen > role.announced) beat(turn, role);
}

/** Lets the leader be heard. One that can no longer commit steps down, and so says it to its clients. */
export function onHeartbeatTimer(turn: Turn): void {
  const { state, nowMs } = turn;
  const { role, config } = state;
  if (role.kind !== "leader") return;
  state.leaderHeardAtMs = nowMs;
  role.answeredAtMs.set(config.self, nowMs);
  if (!isAble(turn, role)) return becomeFollower(turn);
  beat(turn, role);
  setTimer(turn, "heartbeat", nowMs + config.heartbeatMs);
}

/** So many election spans without an answer, or a decision, end a reign. */
const ABLE_SPANS = 3;

/** A quorum answers, and no decree has been in flight for too long: a disk may hang while its process goes on talking. */
function isAble({ state, nowMs }: Turn, role: Leader): boolean {
  const sinceMs = nowMs - ABLE_SPANS * state.config.electionMs;
  const [oldest] = role.inFlight.values();
  if (oldest !== undefined && oldest.proposedAtMs < sinceMs) return false;
  const answering = [...role.answeredAtMs.values()].filter((atMs) => atMs >= sinceMs).length;
  return answering >= quorumSize(assertMembership(state));
}

/** An Accept is repeated less and less often, down to this many times the first span: who is slow is not made slower. */
const RESEND_SPANS_MAX = 8;
/** The first repetitions are evenly apart. */
const RESENDS_EVEN = 2;

/** Of how long it took to accept a decree, what is kept with each one that was quicker. */
const ACCEPTED_DECAY = 7 / 8;
/** An Accept is late when a quorum has lately taken half of that; what is merely slow is not sent twice. */
const LATE_TIMES = 2;
/** However slow they were: what is lost is found out in that many times the first span. */
const LATE_SPANS_MAX = 5;

const resendSpanMs = ({ acceptedInMs }: Leader, resendMs: number): number =>
  Math.min(LATE_SPANS_MAX * resendMs, Math.max(resendMs, LATE_TIMES * acceptedInMs));

/** Repeats each Accept that is old enough to those who have not answered it. */
export function onResendTimer(turn: Turn): void {
  const { state, nowMs } = turn;
  const { role, config, table } = state;
  if (role.kind !== "leader") return;
  for (const [number, flight] of role.inFlight) {
    if (
      nowMs - flight.sentAtMs <
      resendSpanMs(role, config.resendMs) * Math.min(RESEND_SPANS_MAX, 2 ** Math.max(0, flight.resends - RESENDS_EVEN))
    )
      continue;
    flight.sentAtMs = nowMs;
    flight.resends++;
    const { ballot } = role;
    const message = { kind: "accept", ballot, number, ...flight.content, chosen: table.chosen } as const;
    for (const member of assertMembership(state).members)
      if (member !== config.self && !flight.accepted.has(member)) send(turn, member, message);
  }
  setTimer(turn, "resend", nowMs + config.resendMs);
}
