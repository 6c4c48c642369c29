import { assert, type MemberId, type Membership } from "@halon/consensus";
import { forgetPeers, hello } from "./peers.ts";
import { becomeFollower, leaveOffice } from "./reign.ts";
import { next } from "./restore.ts";
import { isMember, type Legislature, type PaxosState, persist, send, setLeader, setTimer, type Turn } from "./state.ts";

/** The membership that decides on decree `number`, which is not trimmed, or the next one behind what is. */
function membershipAt({ legislatures }: PaxosState, number: number): Membership {
  const found = legislatures.findLast(({ first }) => first <= number);
  assert(found !== undefined, `nobody is known to have decided on decree ${number}`);
  return found.membership;
}

/**
 * Decree `number`, a stop sign, is chosen: its legislature is over, and the next one begins with a phase 1 of its own. Lamport,
 * Malkhi, Zhou, "Reconfiguring a State Machine" (2010), §4. Grants of leases end with it: the holder used none since it
 * proposed the stop sign, and it was the first to know. Whoever led goes on at once, so that the group is not idle for an
 * election.
 */
export function enterLegislature(turn: Turn, members: readonly MemberId[], number: number): void {
  const { state } = turn;
  const { table, role } = state;
  const { leaseMs } = state.config;
  const led = role.kind === "leader";
  // In the words of the old legislature: those who accepted the stop sign learn from it that it is chosen.
  if (role.kind === "leader")
    send(turn, "all", { kind: "heartbeat", ballot: role.ballot, chosen: number, round: role.round, leaseMs });
  assert(role.kind !== "leader" || role.inFlight.size === 0, `decrees are in flight behind stop sign ${number}`);
  table.dropOpen();
  state.early.clear();
  state.legislatures.push(next(state.legislatures, members, number));
  state.grant = undefined;
  takeSeat(turn);
  forgetPeers(state);
  state.goesFirst = led && isMember(state, state.config.self);
  if (state.goesFirst) setTimer(turn, "election", turn.nowMs);
  setTimer(turn, "tell", turn.nowMs + state.config.electionMs);
}

/**
 * Those who decide now may not know it, and who had decided so has no vote any more: whoever knows goes on telling until
 * somebody leads.
 */
export function onTellTimer(turn: Turn): void {
  const { state } = turn;
  if (state.leader !== undefined) return;
  send(turn, "all", hello(state, false));
  setTimer(turn, "tell", turn.nowMs + state.config.electionMs);
}

/** Everything up to `number` is in the applied state. What that leaves of the journal is said in one record. */
function writeBase(turn: Turn, number: number): void {
  const { state } = turn;
  const membership = membershipAt(state, number + 1);
  const { promised, boot } = state;
  const seq = persist(turn, { kind: "base", number, membership, promised, boot });
  state.legislatures = state.legislatures.filter(
    ({ first, membership: { legislature } }) => first > number + 1 || legislature === membership.legislature,
  );
  let beforeSeq = state.table.lowestSeq(seq);
  for (const { lowestSeq } of state.reads.values()) beforeSeq = Math.min(beforeSeq, lowestSeq);
  turn.out.push({ kind: "trimmed", beforeSeq, afterPersist: true });
}

/** Forgets the records of decrees that the applied state has. */
export function onTrim(turn: Turn, through: number): void {
  const { state } = turn;
  const number = Math.min(through, state.table.chosen, state.delivered);
  if (number <= state.table.trimmed) return;
  state.table.trim(number);
  writeBase(turn, number);
}

/** The applied state is a peer's, as of decree `number`. Returns false when that does not help. */
export function maybeInstall(turn: Turn, number: number, membership: Membership): boolean {
  const { state } = turn;
  const { table } = state;
  if (number < table.trimmed) return false;
  state.delivered = number;
  state.knownChosen = Math.max(state.knownChosen, number);
  if (number <= table.chosen) return true;
  const before = state.legislatures.at(-1)?.membership.legislature ?? 0;
  assert(
    membership.legislature >= before,
    `decree ${number} of legislature ${membership.legislature} is ahead of ${table.chosen} of legislature ${before}`,
  );
  // What it has in flight may be among what is skipped.
  if (state.role.kind === "leader" || state.role.kind === "candidate") becomeFollower(turn);
  const legislature: Legislature = { membership, first: number + 1 };
  if (membership.legislature === before) {
    table.jump(number);
    state.legislatures = [legislature];
  } else {
    table.dropOpen();
    table.jump(number);
    state.early.clear();
    state.grant = undefined;
    state.legislatures = [legislature];
    takeSeat(turn);
    forgetPeers(state);
  }
  writeBase(turn, number);
  return true;
}

/** Follower or learner, as the legislature in force has it. */
function takeSeat(turn: Turn): void {
  const { state, nowMs } = turn;
  leaveOffice(turn);
  setLeader(turn, undefined);
  const sits = isMember(state, state.config.self);
  state.role = { kind: sits ? "follower" : "learner" };
  setTimer(turn, "election", sits ? nowMs + state.electionSpanMs : undefined);
}
