import type { ConsensusInput, ConsensusOutput, ConsensusStatus, MemberId } from "@halon/consensus";
import type { Invariant } from "@halon/simulation";

/** One step of one member's consensus, seen from outside. Valid during the call only. */
export interface MemberStep {
  readonly member: MemberId;
  readonly input: ConsensusInput;
  readonly outputs: readonly ConsensusOutput[];
  /** After the step. */
  readonly status: ConsensusStatus;
  /** Seq of the last record that this member has persisted, those of this step included. */
  readonly persistedSeq: number;
  /** As this member sees its journal, before the records of this step. */
  readonly durableSeq: number;
  readonly journalBytes: number;
}

/** A decree that a member has just applied. */
export interface AppliedDecree {
  readonly member: MemberId;
  readonly number: number;
  /** Payloads of the commands that the state machine has executed for it. */
  readonly payloads: readonly Uint8Array[];
  /** Digest of the state, if the member keeps one. */
  readonly digest: string | undefined;
}

/** The life of a member begins: with what is on its disk. */
export interface LifeBegin {
  readonly member: MemberId;
  readonly writtenSeq: number;
}

/** An invariant that is shown what members do, in the order in which they do it. Keeps the first thing that is wrong. */
export abstract class WatchedInvariant implements Invariant {
  abstract readonly name: string;
  abstract readonly citation: string;
  /** What must hold, in one sentence. */
  abstract readonly says: string;
  #wrong: string | undefined;
  #checks = 0;

  get checks(): number {
    return this.#checks;
  }

  check(): string | undefined {
    return this.#wrong;
  }

  onBegin?(begin: LifeBegin): void;
  onStep?(step: MemberStep): void;
  onApplied?(applied: AppliedDecree): void;

  /** Counts one look, and keeps what is wrong unless `holds`. */
  protected expect(holds: boolean, wrong: () => string): void {
    this.#checks++;
    if (!holds) this.#wrong ??= wrong();
  }
}
