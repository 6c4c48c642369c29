import type { Consensus, ConsensusInput, ConsensusOutput, ConsensusStatus, MemberId } from "@halon/consensus";
import type { Invariant } from "@halon/simulation";

/**
 * What was decided under each number, over all members and all their lives. Lamport, "Paxos Made Simple", §2: only a
 * proposed value is chosen, and only a single one.
 */
export class Ledger {
  readonly #values = new Map<number, string>();
  #wrong: string | undefined;

  /** Highest number decided. */
  get highest(): number {
    return this.#values.size;
  }

  readonly agreement: Invariant = {
    name: "agreement",
    citation: "Lamport, Paxos Made Simple, section 2; promise G2",
    check: () => this.#wrong,
  };

  note(member: MemberId, number: number, value: Uint8Array): void {
    const text = Buffer.from(value).toString("base64");
    const before = this.#values.get(number);
    if (before === undefined) this.#values.set(number, text);
    else if (before !== text) this.#wrong ??= `decree ${number} on ${member} is ${text}, elsewhere ${before}`;
  }

  noteOrder(member: MemberId, number: number, before: number): void {
    if (number !== before + 1) this.#wrong ??= `${member} was given decree ${number} after ${before}`;
  }

  /** A consensus that is watched as it delivers. */
  watch(member: MemberId, consensus: Consensus): Consensus {
    return new WatchedConsensus(member, consensus, this);
  }
}

class WatchedConsensus implements Consensus {
  readonly #member: MemberId;
  readonly #inner: Consensus;
  readonly #ledger: Ledger;
  #delivered = 0;

  constructor(member: MemberId, inner: Consensus, ledger: Ledger) {
    this.#member = member;
    this.#inner = inner;
    this.#ledger = ledger;
  }

  get status(): ConsensusStatus {
    return this.#inner.status;
  }

  get canPropose(): boolean {
    return this.#inner.canPropose;
  }

  step(input: ConsensusInput, nowMs: number): readonly ConsensusOutput[] {
    if (input.kind === "start") this.#delivered = input.applied;
    const outputs = this.#inner.step(input, nowMs);
    for (const output of outputs) {
      if (output.kind !== "decided") continue;
      this.#ledger.noteOrder(this.#member, output.number, this.#delivered);
      this.#ledger.note(this.#member, output.number, output.value);
      this.#delivered = output.number;
    }
    return outputs;
  }
}
