import {
  assert,
  type Consensus,
  type ConsensusInput,
  type ConsensusOutput,
  type ConsensusStatus,
  formatBallot,
  type MemberId,
} from "@halon/consensus";
import { onAccept, onPrepare } from "./acceptor.ts";
import { becomeCandidate, maybeLead, onElectionTimer, onPrepareOk, onRefused } from "./candidate.ts";
import { decodeMessage, decodeRecord, PaxosCodecError } from "./codec.ts";
import { completeConfig, type PaxosConfig } from "./config.ts";
import {
  onAcceptOk,
  onAnnounceTimer,
  onHeartbeat,
  onHeartbeatOk,
  onHeartbeatTimer,
  onResendTimer,
  propose,
} from "./leader.ts";
import { deliver, onLearnReply, onLearnRequest, onLearnTimer, onRecords } from "./learner.ts";
import type { PaxosMessage } from "./message.ts";
import { assertState, createState, noteBallot, type PaxosState, promise, setTimer, type Turn } from "./state.ts";

/**
 * Multi-Paxos with a stable leader. Lamport, "Paxos Made Simple" §3; van Renesse and Altinbuken, "Paxos Made Moderately
 * Complex". Throws {@link PaxosConfigError} on a configuration that cannot work.
 *
 * Why it is safe: an acceptor answers only when what it promises or accepts is durable; it never goes back on a promise;
 * quorums count distinct members, so that any two share one; a leader proposes for each open decree the accepted value
 * of the highest ballot that a quorum told, so that a value once accepted by a quorum is the only one proposed in any
 * higher ballot; and a member takes a decree for chosen only if its leader counted a quorum for it in the ballot in which
 * it was accepted here, or if a peer that knew so taught it.
 */
export class Paxos implements Consensus {
  readonly #state: PaxosState;
  #isStarted = false;

  constructor(config: PaxosConfig) {
    this.#state = createState(completeConfig(config));
  }

  step(input: ConsensusInput, nowMs: number): readonly ConsensusOutput[] {
    const turn: Turn = { state: this.#state, nowMs, out: [] };
    assert(
      (input.kind === "restore") !== (this.#isStarted || input.kind === "start"),
      `${input.kind} at the wrong time`,
    );
    this.#take(turn, input);
    assertState(this.#state);
    return turn.out;
  }

  get status(): ConsensusStatus {
    const { role, leader, promised, table, knownChosen, refused } = this.#state;
    return {
      role: role.kind,
      leader,
      ballot: formatBallot(promised),
      chosen: table.chosen,
      knownChosen,
      inFlight: role.kind === "leader" ? role.inFlight.size : 0,
      refused,
    };
  }

  get canPropose(): boolean {
    const { role, config } = this.#state;
    return role.kind === "leader" && role.inFlight.size < config.alpha;
  }

  #take(turn: Turn, input: ConsensusInput): void {
    switch (input.kind) {
      case "restore":
        return restore(this.#state, input.record);
      case "start":
        this.#isStarted = true;
        return start(turn, input.applied, input.random);
      case "message":
        return this.#onMessage(turn, input.from, input.bytes);
      case "propose":
        propose(turn, input.value);
        return;
      case "timer":
        return onTimer(turn, input.name, input.random);
      case "records":
        return onRecords(turn, input.token, input.records);
      default:
        return input satisfies never;
    }
  }

  #onMessage(turn: Turn, from: MemberId, bytes: Uint8Array): void {
    const { config } = this.#state;
    try {
      const { group, legislature, message } = decodeMessage(bytes);
      const isOurs = group === config.group && legislature === config.membership.legislature;
      if (isOurs && config.membership.members.includes(from) && isFrom(message, from))
        return dispatch(turn, from, message);
    } catch (error) {
      if (!(error instanceof PaxosCodecError)) throw error;
    }
    this.#state.refused++;
  }
}

/** A proposer speaks in its own ballots only. */
const isFrom = (message: PaxosMessage, from: MemberId): boolean =>
  !(message.kind === "prepare" || message.kind === "accept" || message.kind === "heartbeat") ||
  message.ballot.member === from;

function dispatch(turn: Turn, from: MemberId, message: PaxosMessage): void {
  const isOwn = from === turn.state.config.self;
  switch (message.kind) {
    case "prepare":
      // What this member sends to all, it has taken itself before it was sent.
      return isOwn ? undefined : onPrepare(turn, from, message);
    case "prepareOk":
      return onPrepareOk(turn, from, message);
    case "prepareRefused":
    case "acceptRefused":
      return onRefused(turn, message.promised);
    case "accept":
      return isOwn ? undefined : onAccept(turn, from, message);
    case "acceptOk":
      return onAcceptOk(turn, from, message);
    case "heartbeat":
      return isOwn ? undefined : onHeartbeat(turn, from, message);
    case "heartbeatOk":
      return onHeartbeatOk(turn, from, message);
    case "learnRequest":
      return onLearnRequest(turn, from, message);
    case "learnReply": {
      onLearnReply(turn, from, message);
      const { role } = turn.state;
      return role.kind === "candidate" ? maybeLead(turn, role) : undefined;
    }
    default:
      return message satisfies never;
  }
}

function onTimer(turn: Turn, name: string, random: number): void {
  switch (name) {
    case "election":
      return onElectionTimer(turn, random);
    case "heartbeat":
      return onHeartbeatTimer(turn);
    case "resend":
      return onResendTimer(turn);
    case "announce":
      return onAnnounceTimer(turn);
    case "learn":
      return onLearnTimer(turn, random);
    default:
      assert(false, `timer ${name}: never asked for`);
  }
}

/** Replays one record of an earlier life. */
function restore(state: PaxosState, bytes: Uint8Array): void {
  const record = decodeRecord(bytes);
  const seq = ++state.recordCount;
  const { table } = state;
  if (record.kind === "promised") return promise(state, record.ballot);
  if (record.kind === "accepted") {
    promise(state, record.ballot);
    while (table.chosen < record.chosen) table.choose();
    return table.accept(record.number, record, seq);
  }
  while (table.chosen < record.number - 1) table.choose();
  table.accept(record.number, { ballot: state.promised, value: record.value }, seq);
  table.choose();
}

/** A member alone stands at once; others first listen for a leader, for a time that differs between them. */
function start(turn: Turn, applied: number, random: number): void {
  const { state } = turn;
  state.delivered = applied;
  state.knownChosen = state.table.chosen;
  noteBallot(state, state.promised);
  deliver(turn);
  if (state.config.membership.members.length === 1) return becomeCandidate(turn);
  state.electionSpanMs = state.config.electionMs * (1 + random / 2);
  setTimer(turn, "election", turn.nowMs + state.electionSpanMs);
}
