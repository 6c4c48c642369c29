import type { Ballot, MemberId } from "@halon/consensus";
import { onAccept, onPrepare, onProbe } from "./acceptor.ts";
import { maybeLead, onGreeted, onPrepareOk, onProbeOk, onRefused } from "./candidate.ts";
import { type Addressed, decodeMessage } from "./codec.ts";
import { PaxosCodecError } from "./codec-error.ts";
import { onAcceptOk } from "./leader.ts";
import { lack, noteAhead, noteChosen, onLearnReply, onLearnRequest, onLearnTrimmed } from "./learner.ts";
import { onHeartbeat, onHeartbeatOk } from "./lease.ts";
import type { PaxosMessage } from "./message.ts";
import { disown, hello, mayTake } from "./peers.ts";
import { isMember, membershipOf, type PaxosState, send, type Turn } from "./state.ts";

/** A ballot that is so far above all seen is no ballot: taken over, it would leave no room for others. */
const ROUND_JUMP_MAX = 2 ** 32;
/** Longest text of another member that is kept. */
const WHY_CHARS_MAX = 400;

/**
 * What others say, judged before it is taken: it must be readable, of this group, by somebody who may say that, who is no
 * copy; and for what only counts in a legislature, of the one in force here. All else is refused and counted.
 */
export function onMessage(turn: Turn, from: MemberId, bytes: Uint8Array): void {
  const { state } = turn;
  try {
    const addressed = decodeMessage(bytes);
    if (addressed.group === state.config.group && isSane(state, from, addressed.message)) {
      const isOwn = from === state.config.self;
      if (isOwn || mayTake(turn, from, addressed.boot, addressed.legislature, addressed.message))
        return take(turn, from, addressed);
    }
  } catch (error) {
    if (!(error instanceof PaxosCodecError)) throw error;
  }
  state.refused++;
}

/** A proposer speaks in its own ballots only. */
function isSane({ highestSeen }: PaxosState, from: MemberId, message: PaxosMessage): boolean {
  const ballot = ballotOf(message);
  if (ballot !== undefined && ballot.round > highestSeen.round + ROUND_JUMP_MAX) return false;
  const isProposers = message.kind === "prepare" || message.kind === "accept" || message.kind === "heartbeat";
  return !isProposers || message.ballot.member === from;
}

const ballotOf = (message: PaxosMessage): Ballot | undefined =>
  "ballot" in message ? message.ballot : "promised" in message ? message.promised : undefined;

function take(turn: Turn, from: MemberId, addressed: Addressed): void {
  const { state } = turn;
  const { message, legislature } = addressed;
  if (state.lacking !== undefined && legislature > 0 && from !== state.config.self) state.lacking = { from };
  switch (message.kind) {
    case "learnRequest":
      return onLearnRequest(turn, from, message);
    case "learnReply": {
      onLearnReply(turn, from, message);
      const { role } = state;
      return role.kind === "candidate" ? maybeLead(turn, role) : undefined;
    }
    case "learnTrimmed":
      return onLearnTrimmed(turn, from, message);
    case "disowned":
      if (isMember(state, from))
        disown(state, state.config.self, `${from} says: ${message.why.slice(0, WHY_CHARS_MAX)}`);
      else state.refused++;
      return;
    case "hello":
      if (from === state.config.self) {
        // One of an earlier life may still be on its way.
        state.isNamed ||= addressed.boot === state.boot;
        return;
      }
      onGreeted(turn, from);
      return onHello(turn, from, legislature, message.chosen);
    default:
      return onVoting(turn, from, legislature, message);
  }
}

function onHello(turn: Turn, from: MemberId, legislature: number, chosen: number): void {
  if (membershipOf(turn.state) !== undefined) noteAhead(turn, from, chosen);
  // Another joiner has nothing to give.
  else if (legislature > 0) mayLack(turn, from);
}

/** Who joins knows nobody: whoever it hears is asked for the state, at once or when it is time to ask again. */
function mayLack(turn: Turn, from: MemberId): void {
  if (turn.state.lacking === undefined) lack(turn, from);
  else turn.state.lacking = { from };
}

type Voting = Exclude<PaxosMessage, { kind: "learnRequest" | "learnReply" | "learnTrimmed" | "disowned" | "hello" }>;

/** Messages that count in their legislature only. */
function onVoting(turn: Turn, from: MemberId, legislature: number, message: Voting): void {
  const { state } = turn;
  const ours = membershipOf(state);
  if (ours === undefined) return mayLack(turn, from);
  if (legislature > ours.legislature) {
    // There is at least a stop sign that this member has not heard of.
    const chosen = "chosen" in message && message.kind !== "heartbeatOk" ? message.chosen : 0;
    return noteAhead(turn, from, Math.max(chosen, state.table.chosen + 1));
  }
  if (legislature < ours.legislature) {
    state.refused++;
    return send(turn, from, hello(state, false));
  }
  if (message.kind === "heartbeatOk") return onHeartbeatOk(turn, from, message);
  if (!isMember(state, from)) {
    state.refused++;
    return;
  }
  dispatch(turn, from, message);
}

function dispatch(turn: Turn, from: MemberId, message: Exclude<Voting, { kind: "heartbeatOk" }>): void {
  const { state } = turn;
  // What this member sends to all, it has taken itself before it was sent.
  const isOwn = from === state.config.self;
  const votes = isMember(state, state.config.self);
  switch (message.kind) {
    case "probe":
      return isOwn || !votes ? undefined : onProbe(turn, from);
    case "probeOk":
      return onProbeOk(turn, from, message);
    case "prepare":
      return isOwn || !votes ? undefined : onPrepare(turn, from, message);
    case "prepareOk":
      return onPrepareOk(turn, from, message);
    case "refused":
      return onRefused(turn, message.promised);
    case "accept":
      if (isOwn) return;
      return votes ? onAccept(turn, from, message) : noteChosen(turn, from, message.ballot, message.chosen);
    case "acceptOk":
      return onAcceptOk(turn, from, message);
    case "heartbeat":
      return isOwn ? undefined : onHeartbeat(turn, from, message);
    default:
      return message satisfies never;
  }
}
