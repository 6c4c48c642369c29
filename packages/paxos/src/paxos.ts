import {
  assert,
  type Consensus,
  type ConsensusInput,
  type ConsensusOutput,
  type ConsensusStatus,
  formatBallot,
  type Membership,
} from "@halon/consensus";
import { onElectionTimer } from "./candidate.ts";
import { completeConfig, FENCE_ROUND, type PaxosConfig, stretched } from "./config.ts";
import { onMessage } from "./inbox.ts";
import { mayPropose, onAnnounceTimer, onHeartbeatTimer, onResendTimer, propose, proposeMembers } from "./leader.ts";
import { deliver, lack, onLearnTimer, onRecords } from "./learner.ts";
import { confirm, isLeased } from "./lease.ts";
import { maybeInstall, onTellTimer, onTrim } from "./legislature.ts";
import { disown, hello, nextBoot } from "./peers.ts";
import { Restored } from "./restore.ts";
import {
  assertState,
  createState,
  isMember,
  membershipOf,
  noteBallot,
  type PaxosState,
  persist,
  send,
  setTimer,
  type Turn,
} from "./state.ts";

/**
 * Multi-Paxos with a stable leader, leases and changing membership. Lamport, "Paxos Made Simple" §3; van Renesse and
 * Altinbuken, "Paxos Made Moderately Complex"; Lamport, Malkhi, Zhou, "Reconfiguring a State Machine" §4. Throws
 * {@link PaxosConfigError} on a configuration that cannot work.
 *
 * Why it is safe: an acceptor answers only when what it promises or accepts is durable; it never goes back on a promise;
 * quorums count distinct members of the decree's legislature, so that any two share one; a leader proposes for each open
 * decree the accepted value of the highest ballot that a quorum told, so that a value once accepted by a quorum is the
 * only one proposed in any higher ballot; a member takes a decree for chosen only if its leader counted a quorum for it in
 * the ballot in which it was accepted here, or if a peer that knew so taught it; and a legislature ends with the one decree
 * that says so, behind which nothing is proposed.
 */
export class Paxos implements Consensus {
  readonly #state: PaxosState;
  #restored: Restored | undefined = new Restored();

  constructor(config: PaxosConfig) {
    this.#state = createState(completeConfig(config));
  }

  step(input: ConsensusInput, nowMs: number): readonly ConsensusOutput[] {
    const turn: Turn = { state: this.#state, nowMs, out: [] };
    this.#state.nowMs = nowMs;
    const isBefore = input.kind === "restore" || input.kind === "found" || input.kind === "start";
    if (isBefore !== (this.#restored !== undefined)) assert(false, `${input.kind} at the wrong time`);
    this.#take(turn, input);
    if (this.#restored === undefined) assertState(this.#state);
    return turn.out;
  }

  get status(): ConsensusStatus {
    const { role, leader, promised, table, knownChosen, refused, disowned } = this.#state;
    return {
      role: role.kind,
      leader,
      membership: membershipOf(this.#state),
      ballot: formatBallot(promised),
      chosen: table.chosen,
      knownChosen,
      trimmed: table.trimmed,
      inFlight: role.kind === "leader" ? role.inFlight.size : 0,
      leased: isLeased({ state: this.#state, nowMs: this.#state.nowMs }),
      progress: new Map(role.kind === "leader" ? [...role.progress].map(([id, { chosen }]) => [id, chosen]) : []),
      refused,
      disowned,
    };
  }

  get canPropose(): boolean {
    return mayPropose({ state: this.#state });
  }

  #take(turn: Turn, input: ConsensusInput): void {
    switch (input.kind) {
      case "restore":
        return this.#restored?.take(input.record, input.seq);
      case "found":
        return this.#found(turn, input.membership);
      case "start":
        return this.#start(turn, input.applied, input.random);
      case "message":
        return onMessage(turn, input.from, input.bytes);
      case "propose":
        return propose(turn, { value: input.value });
      case "reconfigure":
        return proposeMembers(turn, input.members);
      case "confirm":
        return confirm(turn, input.token);
      case "trim":
        return onTrim(turn, input.through);
      case "full":
        turn.state.isFull = input.isFull;
        return;
      case "install":
        return install(turn, input.number, input.membership);
      case "timer":
        return onTimer(turn, input.name, input.random);
      case "records":
        return onRecords(turn, input.token, input.records);
      default:
        return input satisfies never;
    }
  }

  /** The first record of all says who decides. */
  #found(turn: Turn, membership: Membership): void {
    const { state } = turn;
    assert(
      this.#restored?.seq === 0,
      `a group is founded in an empty journal, not behind record ${this.#restored?.seq}`,
    );
    assert(
      membership.legislature === 1 && membership.members.includes(state.config.self),
      `${state.config.self} founds legislature ${membership.legislature} of ${membership.members.join(", ")}`,
    );
    persist(turn, { kind: "base", number: 0, membership, promised: state.promised, boot: 0 });
    state.legislatures = [{ membership, first: 1 }];
  }

  #start(turn: Turn, applied: number, random: number): void {
    const { state } = turn;
    const restored = this.#restored;
    assert(restored !== undefined, "started twice");
    this.#restored = undefined;
    if (restored.seq > 0) {
      restored.complete(state);
      // An earlier life may have granted a lease.
      state.silentUntilMs = turn.nowMs + stretched(state.config.grantMsMax);
    }
    start(turn, applied, random);
  }
}

const FENCED =
  "it is fenced for good, as its group was recovered elsewhere: to join the group that goes on, start with an empty directory";

/** A member alone stands at once; others first listen for a leader, for a time that differs between them. */
function start(turn: Turn, applied: number, random: number): void {
  const { state, nowMs } = turn;
  const { config, table } = state;
  state.boot = nextBoot(state.boot, random);
  state.born = { promised: state.promised, accepted: table.highest };
  state.delivered = applied;
  state.knownChosen = table.chosen;
  noteBallot(state, state.promised);
  if (state.promised.round >= FENCE_ROUND) disown(state, config.self, FENCED);
  persist(turn, { kind: "boot", boot: state.boot });
  // The one to itself comes back when the name of this life is durable.
  for (const to of ["all", config.self]) send(turn, to, hello(state, true), true);
  if (membershipOf(state) === undefined) return;
  if (isMember(state, config.self)) {
    state.role = { kind: "follower" };
    state.electionSpanMs = config.electionMs * (1 + random / 4);
    const isAlone = membershipOf(state)?.members.length === 1;
    setTimer(turn, "election", isAlone ? nowMs : nowMs + state.electionSpanMs);
    if (isAlone) state.leaderHeardAtMs = Number.NEGATIVE_INFINITY;
    else state.leaderHeardAtMs = nowMs;
  }
  deliver(turn);
}

/** One that does not help is asked for again. */
function install(turn: Turn, number: number, membership: Membership): void {
  const { state } = turn;
  const from = state.lacking?.from;
  state.lacking = undefined;
  state.learning = false;
  if (!maybeInstall(turn, number, membership)) return lack(turn, from);
  setTimer(turn, "learn", state.table.chosen < state.knownChosen ? turn.nowMs : undefined);
  deliver(turn);
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
    case "tell":
      return onTellTimer(turn);
    default:
      assert(false, `timer ${name}: never asked for`);
  }
}
