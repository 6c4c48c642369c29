import {
  assert,
  type Consensus,
  type ConsensusInput,
  type ConsensusOutput,
  type ConsensusStatus,
  type MemberId,
  VALUE_BYTES_MAX,
} from "@halon/consensus";
import { commandBytes, decodeDecree, encodeDecree, LogCodecError } from "./codec.ts";
import { COMMANDS_MAX, type Command, type Decree, ELAPSED_MS_MAX, type Outcome, refuseTooLarge } from "./command.ts";

export type LogInput =
  | Exclude<ConsensusInput, { kind: "propose" }>
  /** Commands of a client. Answered by one `reply` of the same token, at once or when all are decided and applied. */
  | { readonly kind: "submit"; readonly token: number; readonly commands: readonly Command[] }
  /** What an `apply` came to. In the order of the `apply` outputs. */
  | { readonly kind: "applied"; readonly number: number; readonly outcomes: readonly Outcome[] };

export type LogOutput =
  | Exclude<ConsensusOutput, { kind: "decided" } | { kind: "proposed" }>
  /** Apply, in order, and answer with `applied`. */
  | { readonly kind: "apply"; readonly number: number; readonly decree: Decree }
  | { readonly kind: "reply"; readonly token: number; readonly outcomes: readonly Outcome[] };

export interface LogConfig {
  readonly self: MemberId;
  /** Payload bytes of commands that may wait to be proposed; more are answered `busy`. */
  readonly waitingBytesMax?: number;
}

export const LOG_DEFAULTS = { waitingBytesMax: 32 * 1024 * 1024 } as const;

/** A submission and the outcomes it has so far. */
interface Submission {
  readonly token: number;
  readonly outcomes: (Outcome | undefined)[];
  missing: number;
}

interface Waiting {
  readonly submission: Submission;
  readonly index: number;
  readonly command: Command;
}

/**
 * One member of a replicated log; sans-IO. Makes decrees of commands: all that has gathered while earlier decrees were in
 * flight rides in the next one. Knows its consensus by the interface only.
 */
export class ReplicatedLog {
  readonly #consensus: Consensus;
  readonly #self: MemberId;
  readonly #waitingBytesMax: number;
  /** Not proposed yet. Invariant: empty unless this member leads. */
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Proposed by this member in its present reign, by decree. */
  readonly #proposed = new Map<number, readonly Waiting[]>();
  /** Being applied, and proposed here. */
  readonly #applying = new Map<number, readonly Waiting[]>();
  #leader: MemberId | undefined;
  /** Log time has been given out up to here. */
  #proposedAtMs = 0;
  #undecodable = 0;

  constructor(consensus: Consensus, config: LogConfig) {
    this.#consensus = consensus;
    this.#self = config.self;
    this.#waitingBytesMax = config.waitingBytesMax ?? LOG_DEFAULTS.waitingBytesMax;
  }

  get status(): ConsensusStatus & { readonly waiting: number; readonly undecodable: number } {
    return { ...this.#consensus.status, waiting: this.#waiting.length, undecodable: this.#undecodable };
  }

  step(input: LogInput, nowMs: number): readonly LogOutput[] {
    const out: LogOutput[] = [];
    if (input.kind === "submit") this.#onSubmit(input.token, input.commands, out);
    else if (input.kind === "applied") this.#onApplied(input.number, input.outcomes, out);
    else this.#pass(this.#consensus.step(input, nowMs), nowMs, out);
    this.#maybePropose(nowMs, out);
    return out;
  }

  #pass(outputs: readonly ConsensusOutput[], nowMs: number, out: LogOutput[]): void {
    for (const output of outputs) {
      if (output.kind === "decided") this.#onDecided(output.number, output.value, out);
      else if (output.kind === "leader") {
        this.#onLeader(output.leader, nowMs, out);
        out.push(output);
      } else if (output.kind === "proposed") assert(false, `decree ${output.number} was proposed by nobody here`);
      else out.push(output);
    }
  }

  #onSubmit(token: number, commands: readonly Command[], out: LogOutput[]): void {
    const submission: Submission = { token, outcomes: commands.map(() => undefined), missing: commands.length };
    if (commands.length === 0) out.push({ kind: "reply", token, outcomes: [] });
    for (const [index, command] of commands.entries()) {
      const refusal = this.#refusal(command);
      if (refusal !== undefined) answer(submission, index, refusal, out);
      else {
        this.#waiting.push({ submission, index, command });
        this.#waitingBytes += commandBytes(command);
      }
    }
  }

  #refusal(command: Command): Outcome | undefined {
    if (this.#leader !== this.#self) return { kind: "notLeader", leader: this.#leader };
    const refusal = refuseTooLarge(command.payload);
    if (refusal !== undefined) return refusal;
    return this.#waitingBytes + commandBytes(command) > this.#waitingBytesMax ? { kind: "busy" } : undefined;
  }

  /** Fills the window. */
  #maybePropose(nowMs: number, out: LogOutput[]): void {
    while (this.#waiting.length > 0 && this.#consensus.canPropose) {
      const batch = this.#takeBatch();
      const elapsedMs = Math.max(0, Math.min(ELAPSED_MS_MAX, Math.floor(nowMs - this.#proposedAtMs)));
      this.#proposedAtMs = elapsedMs === ELAPSED_MS_MAX ? nowMs : this.#proposedAtMs + elapsedMs;
      const value = encodeDecree({ elapsedMs, commands: batch.map(({ command }) => command) });
      const outputs = this.#consensus.step({ kind: "propose", value }, nowMs);
      const proposed = outputs.find((output) => output.kind === "proposed");
      assert(proposed !== undefined, "the consensus could propose, and did not");
      this.#proposed.set(proposed.number, batch);
      this.#pass(
        outputs.filter((output) => output !== proposed),
        nowMs,
        out,
      );
    }
  }

  #takeBatch(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { command } of this.#waiting) {
      bytes += commandBytes(command);
      if (count >= COMMANDS_MAX || bytes > VALUE_BYTES_MAX) break;
      this.#waitingBytes -= commandBytes(command);
      count++;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }

  #onDecided(number: number, value: Uint8Array, out: LogOutput[]): void {
    const batch = this.#proposed.get(number);
    this.#proposed.delete(number);
    if (batch !== undefined) this.#applying.set(number, batch);
    out.push({ kind: "apply", number, decree: this.#decode(value) });
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
    const batch = this.#applying.get(number);
    this.#applying.delete(number);
    for (const [at, { submission, index }] of batch?.entries() ?? [])
      answer(submission, index, outcomes[at] ?? { kind: "unknown" }, out);
  }

  /** Out of office nothing can be promised: what is in flight may be decided yet, what waits never was proposed. */
  #onLeader(leader: MemberId | undefined, nowMs: number, out: LogOutput[]): void {
    this.#leader = leader;
    this.#proposedAtMs = nowMs;
    if (leader === this.#self) return;
    for (const batch of this.#proposed.values())
      for (const { submission, index } of batch) answer(submission, index, { kind: "unknown" }, out);
    this.#proposed.clear();
    for (const { submission, index } of this.#waiting) answer(submission, index, { kind: "notLeader", leader }, out);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

function answer(submission: Submission, index: number, outcome: Outcome, out: LogOutput[]): void {
  assert(submission.outcomes[index] === undefined, `command ${index} of submission ${submission.token} answered twice`);
  submission.outcomes[index] = outcome;
  if (--submission.missing > 0) return;
  const outcomes = submission.outcomes.map((each): Outcome => each ?? { kind: "unknown" });
  out.push({ kind: "reply", token: submission.token, outcomes });
}
