import { assert, type Consensus, type ConsensusOutput, type ConsensusStatus, type MemberId } from "@halon/consensus";
import { decodeDecree, decodeReconfigure, encodeReconfigured, LogCodecError } from "./codec.ts";
import { COMMAND_BYTES_LIMIT, type Command, type Decree, type Outcome, refuse, refuseTooLarge } from "./command.ts";
import { LOG_DEFAULTS, type LogConfig, type LogInput, type LogOutput } from "./log-io.ts";
import { type Decided, OwnDecrees, type Proposal } from "./own-decrees.ts";
import { Reads } from "./reads.ts";
import { type Plan, planReconfiguration } from "./reconfiguration.ts";
import { answer, type Submission, type Waiting } from "./submission.ts";
import { Updates } from "./updates.ts";

/** Reconfigurations that may wait; more are answered `busy`. */
const RECONFIGURATIONS_MAX = 16;
/** A leader that has to be elected anew, as after each reconfiguration, keeps commands waiting for so long. */
const GRACE_MS = 500;
const GRACE_TIMER = "log/grace";

/**
 * One member of a replicated log; sans-IO. Makes decrees of commands: all that has gathered while earlier decrees were in
 * flight rides in the next one. Knows its consensus by the interface only.
 */
export class ReplicatedLog {
  readonly #consensus: Consensus;
  readonly #config: Required<LogConfig>;
  /** `between`: led until its legislature ended, and is to lead the next one. Commands are taken unless `out`. */
  #office: "out" | "between" | "in" = "out";
  #leader: MemberId | undefined;
  #ledSinceMs = 0;
  /** The legislature in which this member led last. */
  #legislature = 0;
  /** Not proposed yet. Invariant: empty while out of office, as is `#reconfigurations`. */
  readonly #updates: Updates;
  #reconfigurations: Waiting[] = [];
  readonly #reads: Reads;
  readonly #own = new OwnDecrees();
  #applied = 0;
  /** The first decree of this reign is still to be proposed. */
  #isAcceding = false;
  #undecodable = 0;

  constructor(consensus: Consensus, config: LogConfig) {
    this.#consensus = consensus;
    this.#config = { ...LOG_DEFAULTS, ...config };
    const { commandBytesMax } = this.#config;
    assert(
      commandBytesMax <= COMMAND_BYTES_LIMIT,
      `commandBytesMax is ${commandBytesMax}: a decree has room for ${COMMAND_BYTES_LIMIT}`,
    );
    this.#updates = new Updates(this.#config);
    this.#reads = new Reads(this.#config);
  }

  get status(): ConsensusStatus & {
    readonly waiting: number;
    readonly waitingReads: number;
    readonly undecodable: number;
  } {
    const waiting = this.#updates.count + this.#reconfigurations.length;
    const { status } = this.#consensus;
    return { ...status, waiting, waitingReads: this.#reads.count, undecodable: this.#undecodable };
  }

  step(input: LogInput, nowMs: number): readonly LogOutput[] {
    const out: LogOutput[] = [];
    if (input.kind === "submit") this.#onSubmit(input.token, input.commands, out);
    else if (input.kind === "applied") this.#onApplied(input.number, input.outcomes, out);
    else if (input.kind === "queried") this.#onQueried(input.token, input.outcomes, out);
    else if (input.kind === "timer" && input.name === GRACE_TIMER) {
      if (this.#office === "between") this.#leave(out);
    } else {
      if (input.kind === "start") this.#applied = input.applied;
      else if (input.kind === "install") {
        this.#applied = input.number;
        this.#own.installed(input.number, out);
      }
      this.#pass(this.#consensus.step(input, nowMs), nowMs, out);
    }
    this.#advance(nowMs, out);
    return out;
  }

  /** What was decided comes first: in the step that ends a reign, it can be what the reign has come to. */
  #pass(outputs: readonly ConsensusOutput[], nowMs: number, out: LogOutput[]): void {
    const leaders: (ConsensusOutput & { kind: "leader" })[] = [];
    for (const output of outputs) {
      assert(output.kind !== "proposed", "a decree was proposed by nobody here");
      switch (output.kind) {
        case "decided":
          this.#onDecided(output, out);
          break;
        case "leader":
          leaders.push(output);
          break;
        case "confirmed":
          this.#reads.confirmed(output.token, output.number);
          break;
        case "unconfirmed":
          this.#reads.unconfirmed(output.token);
          break;
        default:
          out.push(output);
      }
    }
    for (const output of leaders) {
      this.#onLeader(output.leader, nowMs, out);
      out.push(output);
    }
  }

  #onSubmit(token: number, commands: readonly Command[], out: LogOutput[]): void {
    const submission: Submission = { token, outcomes: commands.map(() => undefined), missing: commands.length };
    if (commands.length === 0) out.push({ kind: "reply", token, outcomes: [] });
    for (const [index, command] of commands.entries()) {
      const waiting = { submission, index, command };
      const outcome = this.#take(waiting);
      if (outcome !== undefined) answer(waiting, outcome, out);
    }
  }

  /** What to answer when it is not taken. */
  #take(waiting: Waiting): Outcome | undefined {
    const { command } = waiting;
    if (command.kind === "unsupported")
      return refuse("malformed", "a command of a kind that this member does not know: is it of an older version?");
    if (command.kind !== "stale" && this.#office === "out") return { kind: "notLeader", leader: this.#leader };
    const refusal = refuseTooLarge(command.payload, this.#config.commandBytesMax);
    if (refusal !== undefined) return refusal;
    if (command.kind === "read" || command.kind === "stale" || command.kind === "reconfigure")
      return this.#reads.take(waiting) ? undefined : { kind: "busy" };
    return this.#updates.take(waiting) ? undefined : { kind: "busy" };
  }

  /** Does all that can be done now. */
  #advance(nowMs: number, out: LogOutput[]): void {
    if (this.#office === "in") this.#confirm(nowMs, out);
    for (const each of this.#reads.release(this.#applied)) {
      if (this.#office === "out") answer(each, this.#notLeader(), out);
      else if (this.#reconfigurations.length >= RECONFIGURATIONS_MAX) answer(each, { kind: "busy" }, out);
      else this.#reconfigurations.push(each);
    }
    if (this.#office === "in") this.#reconfigure(nowMs, out);
    if (this.#office === "in") this.#proposeWaiting(nowMs, out);
    const query = this.#reads.query();
    if (query !== undefined) out.push({ kind: "query", ...query });
  }

  #confirm(nowMs: number, out: LogOutput[]): void {
    const token = this.#reads.confirm();
    if (token !== undefined) this.#pass(this.#consensus.step({ kind: "confirm", token }, nowMs), nowMs, out);
  }

  /** One after the other, each on what the one before has come to: only while the consensus has room for it. */
  #reconfigure(nowMs: number, out: LogOutput[]): void {
    for (let [first] = this.#reconfigurations; first !== undefined; [first] = this.#reconfigurations) {
      const { membership, chosen, progress } = this.#consensus.status;
      if (!this.#consensus.canPropose || membership === undefined) return;
      this.#reconfigurations.shift();
      const { self } = this.#config;
      const plan = planOf(first.command.payload, {
        self,
        membership,
        chosen,
        progress,
        ledMs: nowMs - this.#ledSinceMs,
      });
      if (plan.kind === "refused") answer(first, plan, out);
      else if (plan.kind === "unchanged")
        answer(first, { kind: "result", result: encodeReconfigured({ number: 0, membership }) }, out);
      else this.#propose({ kind: "reconfigure", members: plan.members }, [first], nowMs, out);
    }
  }

  /** Fills the window. */
  #proposeWaiting(nowMs: number, out: LogOutput[]): void {
    while ((this.#updates.count > 0 || this.#isAcceding) && this.#consensus.canPropose) {
      const inForce = this.#isAcceding ? this.#consensus.status.membership : undefined;
      this.#isAcceding = false;
      const { value, batch } = this.#updates.nextDecree(inForce, nowMs);
      this.#propose({ kind: "propose", value }, batch, nowMs, out);
    }
  }

  #propose(proposal: Proposal, batch: readonly Waiting[], nowMs: number, out: LogOutput[]): void {
    const outputs = this.#consensus.step(proposal, nowMs);
    const proposed = outputs.find((output) => output.kind === "proposed");
    assert(proposed !== undefined, `the consensus could take a ${proposal.kind}, and did not`);
    this.#own.proposed(proposed.number, proposal, batch);
    this.#pass(
      outputs.filter((output) => output !== proposed),
      nowMs,
      out,
    );
  }

  #onDecided(decided: Decided, out: LogOutput[]): void {
    const { number, value, membership } = decided;
    this.#own.decided(decided, out);
    if (membership === undefined) out.push({ kind: "apply", number, decree: this.#decode(value) });
    else out.push({ kind: "apply", number, decree: { elapsedMs: 0, commands: [] }, membership });
  }

  /** A decree that cannot be read is the same nothing on every member of this version. */
  #decode(value: Uint8Array): Decree {
    try {
      return decodeDecree(value);
    } catch (error) {
      if (!(error instanceof LogCodecError)) throw error;
      this.#undecodable++;
      return { elapsedMs: 0, commands: [] };
    }
  }

  #onApplied(number: number, outcomes: readonly Outcome[], out: LogOutput[]): void {
    this.#applied = number;
    this.#own.applied(number, outcomes, out);
  }

  #onQueried(token: number, outcomes: readonly Outcome[], out: LogOutput[]): void {
    for (const [at, each] of this.#reads.queried(token).entries())
      answer(each, outcomes[at] ?? { kind: "unknown" }, out);
  }

  #onLeader(leader: MemberId | undefined, nowMs: number, out: LogOutput[]): void {
    const { membership, chosen } = this.#consensus.status;
    const legislature = membership?.legislature ?? 0;
    const { self } = this.#config;
    this.#leader = leader;
    if (leader === self) {
      // Another leader was in between, if these are not chosen by now.
      this.#own.lose(chosen, out);
      this.#office = "in";
      this.#legislature = legislature;
      this.#ledSinceMs = nowMs;
      this.#isAcceding = true;
      this.#updates.beginReign(nowMs);
      return;
    }
    const isBetween = leader === undefined && legislature > this.#legislature && membership?.members.includes(self);
    if (this.#office === "in" && isBetween) {
      this.#office = "between";
      out.push({ kind: "timer", name: GRACE_TIMER, atMs: nowMs + GRACE_MS });
    } else if (this.#office === "in" || leader !== undefined) this.#leave(out);
  }

  /** Out of office: what waits never was proposed. */
  #leave(out: LogOutput[]): void {
    this.#office = "out";
    this.#isAcceding = false;
    this.#own.lose(0, out);
    const left = [...this.#updates.giveUp(), ...this.#reads.giveUp(), ...this.#reconfigurations];
    this.#reconfigurations = [];
    for (const each of left) answer(each, this.#notLeader(), out);
  }

  #notLeader(): Outcome {
    return { kind: "notLeader", leader: this.#leader === this.#config.self ? undefined : this.#leader };
  }
}

function planOf(payload: Uint8Array, situation: Parameters<typeof planReconfiguration>[1]): Plan {
  try {
    return planReconfiguration(decodeReconfigure(payload), situation);
  } catch (error) {
    if (!(error instanceof LogCodecError)) throw error;
    return refuse("malformed", error.message);
  }
}
