import { type Ballot, compareBallots, type MemberId } from "@halon/consensus";
import { setLeader, setTimer, type Turn } from "./state.ts";

/** A message of the leader of `ballot`, which is at least as high as the promise: whoever else led or stood gives way. */
export function heardLeader(turn: Turn, from: MemberId, ballot: Ballot): void {
  const { state } = turn;
  const isOwn = from === state.config.self && state.role.kind === "leader";
  const { role } = state;
  if (!isOwn && (role.kind === "leader" || role.kind === "candidate") && compareBallots(ballot, role.ballot) >= 0)
    becomeFollower(turn);
  state.leaderHeardAtMs = turn.nowMs;
  state.attempts = 0;
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

/** Reads that wait for this leader's word do not get it. */
export function leaveOffice(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind !== "leader") return;
  for (const { token } of role.asked) turn.out.push({ kind: "unconfirmed", token });
  role.asked = [];
  for (const name of ["heartbeat", "resend", "announce"]) setTimer(turn, name, undefined);
}
