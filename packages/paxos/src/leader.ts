import { assert, compareBallots, type MemberId, quorumSize, Tally, VALUE_BYTES_MAX } from "@halon/consensus";
import { onAccept } from "./acceptor.ts";
import { choose, noteChosen } from "./learner.ts";
import type { PaxosMessage } from "./message.ts";
import { becomeFollower, heardLeader } from "./reign.ts";
import { type Candidate, type Leader, noteBallot, send, setLeader, setTimer, type Turn } from "./state.ts";

type Message<K extends PaxosMessage["kind"]> = PaxosMessage & { kind: K };

const NO_VALUE = new Uint8Array(0);

/** Phase 1 is won: what may have been chosen is proposed again, holes get the empty value. */
export function becomeLeader(turn: Turn, candidate: Candidate): void {
  const { state } = turn;
  const { self, membership } = state.config;
  const next = state.table.chosen + 1;
  const answeredAtMs = new Map(membership.members.map((member) => [member, turn.nowMs]));
  state.role = { kind: "leader", ballot: candidate.ballot, inFlight: new Map(), next, announced: 0, answeredAtMs };
  state.learning = false;
  setLeader(turn, self);
  for (const name of ["election", "learn"]) setTimer(turn, name, undefined);
  setTimer(turn, "resend", turn.nowMs + state.config.resendMs);
  const last = Math.max(state.table.chosen, ...candidate.entries.keys());
  for (let number = next; number <= last && state.role.kind === "leader"; number++)
    passDecree(turn, state.role, candidate.entries.get(number)?.value ?? NO_VALUE);
  onHeartbeatTimer(turn);
}

/** Takes a value for the next decree. False when this member does not lead or its window is full. */
export function propose(turn: Turn, value: Uint8Array): boolean {
  const { role, config } = turn.state;
  assert(value.byteLength <= VALUE_BYTES_MAX, `value of ${value.byteLength} bytes: at most ${VALUE_BYTES_MAX}`);
  if (role.kind !== "leader" || role.inFlight.size >= config.alpha) return false;
  turn.out.push({ kind: "proposed", number: role.next });
  passDecree(turn, role, value);
  return true;
}

/** Phase 2a: one message for everybody else. The leader's own acceptor is asked first, and flushes beside the others. */
function passDecree(turn: Turn, role: Leader, value: Uint8Array): void {
  const { state } = turn;
  const { config, table } = state;
  const number = role.next++;
  role.inFlight.set(number, { value, accepted: new Tally(config.membership), sentAtMs: turn.nowMs });
  const message = { kind: "accept", ballot: role.ballot, number, value, chosen: table.chosen } as const;
  role.announced = table.chosen;
  onAccept(turn, config.self, message);
  assert(table.open(number) !== undefined, `the leader's own acceptor refused decree ${number}`);
  send(turn, "all", message);
}

export function onAcceptOk(turn: Turn, from: MemberId, message: Message<"acceptOk">): void {
  const { state } = turn;
  const { role, table } = state;
  if (role.kind !== "leader" || compareBallots(role.ballot, message.ballot) !== 0) return;
  role.answeredAtMs.set(from, turn.nowMs);
  role.inFlight.get(message.number)?.accepted.add(from);
  while (role.inFlight.get(table.chosen + 1)?.accepted.isQuorum) {
    role.inFlight.delete(table.chosen + 1);
    choose(turn);
  }
  if (table.chosen > role.announced) setTimer(turn, "announce", turn.nowMs + state.config.announceMs);
}

export function onAnnounceTimer(turn: Turn): void {
  const { role, table } = turn.state;
  if (role.kind === "leader" && table.chosen > role.announced) heartbeat(turn, role);
}

/** Lets the leader be heard. One that a quorum no longer answers steps down, and so says it to its clients. */
export function onHeartbeatTimer(turn: Turn): void {
  const { state } = turn;
  const { role, config } = state;
  if (role.kind !== "leader") return;
  state.leaderHeardAtMs = turn.nowMs;
  role.answeredAtMs.set(config.self, turn.nowMs);
  const sinceMs = turn.nowMs - 2 * config.electionMs;
  const answering = [...role.answeredAtMs.values()].filter((atMs) => atMs >= sinceMs).length;
  if (answering < quorumSize(config.membership)) return becomeFollower(turn);
  heartbeat(turn, role);
  setTimer(turn, "heartbeat", turn.nowMs + config.heartbeatMs);
}

function heartbeat(turn: Turn, role: Leader): void {
  role.announced = turn.state.table.chosen;
  send(turn, "all", { kind: "heartbeat", ballot: role.ballot, chosen: role.announced });
}

/** Repeats each Accept that is old enough to those who have not answered it. */
export function onResendTimer(turn: Turn): void {
  const { role, config, table } = turn.state;
  if (role.kind !== "leader") return;
  for (const [number, flight] of role.inFlight) {
    if (turn.nowMs - flight.sentAtMs < config.resendMs) continue;
    flight.sentAtMs = turn.nowMs;
    const message = { kind: "accept", ballot: role.ballot, number, value: flight.value, chosen: table.chosen } as const;
    for (const member of config.membership.members)
      if (member !== config.self && !flight.accepted.has(member)) send(turn, member, message);
  }
  setTimer(turn, "resend", turn.nowMs + config.resendMs);
}

export function onHeartbeat(turn: Turn, from: MemberId, { ballot, chosen }: Message<"heartbeat">): void {
  const { state } = turn;
  if (compareBallots(ballot, state.promised) < 0)
    return send(turn, from, { kind: "acceptRefused", promised: state.promised });
  noteBallot(state, ballot);
  heardLeader(turn, from, ballot);
  send(turn, from, { kind: "heartbeatOk", ballot });
  noteChosen(turn, from, ballot, chosen);
}

export function onHeartbeatOk(turn: Turn, from: MemberId, { ballot }: Message<"heartbeatOk">): void {
  const { role } = turn.state;
  if (role.kind === "leader" && compareBallots(role.ballot, ballot) === 0) role.answeredAtMs.set(from, turn.nowMs);
}
