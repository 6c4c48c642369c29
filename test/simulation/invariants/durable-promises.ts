import type { MemberId } from "@halon/consensus";
import { compareBallotTexts } from "./ballots.ts";
import { type LifeBegin, type MemberStep, WatchedInvariant } from "./watched.ts";

interface Kept {
  /** The ballot promised as of record `seq`, in the order of the seqs. */
  promises: { readonly seq: number; readonly ballot: string }[];
  /** What the member was told is durable. */
  durableSeq: number;
}

export class DurablePromises extends WatchedInvariant {
  readonly name = "durable-promises";
  readonly citation = "Lamport, The Part-Time Parliament (1998), §2.3 (the ledger is indelible); design §4";
  readonly says = "what a member was told is durable is there in its next life, and binds it: it has promised no less";
  readonly #kept = new Map<MemberId, Kept>();

  override onBegin({ member, writtenSeq }: LifeBegin): void {
    const kept = this.#kept.get(member);
    if (kept === undefined) return;
    this.expect(
      writtenSeq >= kept.durableSeq,
      () => `${member} was told that record ${kept.durableSeq} is durable, and finds ${writtenSeq}`,
    );
    kept.promises = kept.promises.filter(({ seq }) => seq <= writtenSeq);
    kept.durableSeq = writtenSeq;
  }

  override onStep({ member, input, status, persistedSeq, durableSeq }: MemberStep): void {
    let kept = this.#kept.get(member);
    if (kept === undefined) {
      kept = { promises: [], durableSeq: 0 };
      this.#kept.set(member, kept);
    }
    if (input.kind === "restore") return;
    kept.durableSeq = Math.max(kept.durableSeq, durableSeq);
    const last = kept.promises.at(-1);
    const { ballot } = status;
    if (input.kind === "start" && last !== undefined)
      this.expect(
        compareBallotTexts(ballot, last.ballot) >= 0,
        () => `${member} had promised ${last.ballot}, durably, and begins its next life with ${ballot}`,
      );
    if (ballot !== last?.ballot) kept.promises.push({ seq: persistedSeq, ballot });
  }
}
