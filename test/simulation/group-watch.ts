import type { Consensus, ConsensusInput, ConsensusOutput, ConsensusStatus, MemberId } from "@halon/consensus";
import type { Journal } from "@halon/runtime";
import type { Ledger } from "./invariants/ledger.ts";
import type { AppliedDecree, MemberStep, WatchedInvariant } from "./invariants/watched.ts";

/** Shows invariants, and the ledger first, what the members of a group do. */
export class GroupWatch {
  readonly ledger: Ledger;
  readonly #onBegin: readonly WatchedInvariant[];
  readonly #onStep: readonly WatchedInvariant[];
  readonly #onApplied: readonly WatchedInvariant[];

  constructor(ledger: Ledger, invariants: readonly WatchedInvariant[]) {
    this.ledger = ledger;
    this.#onBegin = invariants.filter(({ onBegin }) => onBegin !== undefined);
    this.#onStep = invariants.filter(({ onStep }) => onStep !== undefined);
    this.#onApplied = invariants.filter(({ onApplied }) => onApplied !== undefined);
  }

  /** A consensus of one life of a member that is watched as it steps; its journal as the member sees it. */
  begin(member: MemberId, consensus: Consensus, journal: Journal): Consensus {
    const writtenSeq = journal.writtenSeq;
    for (const invariant of this.#onBegin) invariant.onBegin?.({ member, writtenSeq });
    return new WatchedConsensus(member, consensus, journal, (step) => this.#step(step));
  }

  applied(decree: AppliedDecree): void {
    for (const invariant of this.#onApplied) invariant.onApplied?.(decree);
  }

  #step(step: MemberStep): void {
    const { input, outputs, status } = step;
    if (input.kind === "found") this.ledger.noteFounding(input.membership);
    for (const output of outputs)
      if (output.kind === "proposed") this.#noteProposal(output.number, input, status);
      else if (output.kind === "decided")
        this.ledger.noteDecided(output.number, { value: output.value, membership: output.membership });
    for (const invariant of this.#onStep) invariant.onStep?.(step);
  }

  #noteProposal(number: number, input: ConsensusInput, { ballot, membership }: ConsensusStatus): void {
    const legislature = membership?.legislature ?? 0;
    if (input.kind === "propose")
      this.ledger.noteProposal({ number, ballot, legislature, value: input.value, membership: undefined });
    if (input.kind !== "reconfigure") return;
    const next = { legislature: legislature + 1, members: input.members.toSorted() };
    this.ledger.noteProposal({ number, ballot, legislature, value: new Uint8Array(0), membership: next });
  }
}

class WatchedConsensus implements Consensus, MemberStep {
  readonly member: MemberId;
  readonly #inner: Consensus;
  readonly #journal: Journal;
  readonly #show: (step: MemberStep) => void;
  // Of the step that is shown; kept here as there are very many.
  #input: ConsensusInput | undefined;
  outputs: readonly ConsensusOutput[] = [];
  persistedSeq: number;
  durableSeq = 0;
  journalBytes = 0;
  #status: ConsensusStatus | undefined;

  constructor(member: MemberId, inner: Consensus, journal: Journal, show: (step: MemberStep) => void) {
    this.member = member;
    this.#inner = inner;
    this.#journal = journal;
    this.#show = show;
    this.persistedSeq = journal.writtenSeq;
  }

  get input(): ConsensusInput {
    if (this.#input === undefined) throw new Error("no step is shown");
    return this.#input;
  }

  get status(): ConsensusStatus {
    this.#status ??= this.#inner.status;
    return this.#status;
  }

  get canPropose(): boolean {
    return this.#inner.canPropose;
  }

  step(input: ConsensusInput, nowMs: number): readonly ConsensusOutput[] {
    const outputs = this.#inner.step(input, nowMs);
    this.#status = undefined;
    this.#input = input;
    this.outputs = outputs;
    this.durableSeq = this.#journal.durableSeq;
    this.journalBytes = this.#journal.bytesCount;
    for (const { kind } of outputs) if (kind === "persist") this.persistedSeq++;
    this.#show(this);
    return outputs;
  }
}
