import { type Ballot, compareBallots, type MemberId } from "@halon/consensus";
import { setLeader, setTimer, type Turn } from "./state.ts";

/** After so long a gap between two messages of a leader is forgotten. */
const GAP_FORGET_MS = 30_000;

/** Keeps in mind with which gaps the present leader is heard: the machine, or the way between, is that slow. */
function noteGap(turn: Turn, from: MemberId): void {
  const { state, nowMs } = turn;
  const sinceMs = nowMs - state.leaderHeardAtMs;
  if (state.leader !== from) state.gapMs = 0;
  else state.gapMs = Math.max(sinceMs, state.gapMs * Math.max(0, 1 - sinceMs / GAP_FORGET_MS));
}

/** A message of the leader of `ballot`, which is at least as high as the promise: whoever else led or stood gives way. */
export function heardLeader(turn: Turn, from: MemberId, ballot: Ballot): void {
  const { state } = turn;
  const isOwn = from === state.config.self && state.role.kind === "leader";
  const { role } = state;
  if (!isOwn && (role.kind === "leader" || role.kind === "candidate") && compareBallots(ballot, role.ballot) >= 0)
    becomeFollower(turn);
  if (!isOwn) noteGap(turn, from);
  state.leaderHeardAtMs = turn.nowMs;
  state.attempts = 0;
  state.electionLate = false;
  if (!isOwn) state.goesFirst = false;
  setLeader(turn, from);
}

/** Stops leading or standing. What is in flight stays open: the next leader finds it in phase 1, or it never was. */
export function becomeFollower(turn: Turn): void {
  const { state } = turn;
  leaveOffice(turn);
  state.role = { kind: "follower" };
  if (state.leader === state.config.self) setLeader(turn, undefined);
  setTimer(turn, "election", turn.nowMs + state.electionSpanMs / 2);
}

/**
 * Reads that wait for this leader's word do not get it. Nor does it answer any by its lease from now on: the grant that is
 * its own has no purpose any more, and would keep the next leader waiting.
 */
export function leaveOffice(turn: Turn): void {
  const { role, grant, config } = turn.state;
  if (role.kind !== "leader") return;
  if (grant?.to === config.self) turn.state.grant = undefined;
  for (const { token } of role.asked) turn.out.push({ kind: "unconfirmed", token });
  role.asked = [];
  for (const name of ["heartbeat", "resend", "announce"]) setTimer(turn, name, undefined);
}
