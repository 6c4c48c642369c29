import type { ConsensusInput, ConsensusOutput, Membership } from "@halon/consensus";
import { encodeReconfigured } from "./codec.ts";
import type { Outcome } from "./command.ts";
import { answer, type Reply, type Waiting } from "./submission.ts";

export type Proposal = ConsensusInput & { readonly kind: "propose" | "reconfigure" };
export type Decided = ConsensusOutput & { readonly kind: "decided" };

/** Where replies go. */
type Replies = { push(reply: Reply): unknown };

const UNKNOWN: Outcome = { kind: "unknown" };

/** Decrees that this member has proposed, from then on until they are applied, and who waits for them. */
export class OwnDecrees {
  readonly #proposed = new Map<number, { readonly proposal: Proposal; readonly batch: readonly Waiting[] }>();
  readonly #applying = new Map<
    number,
    { readonly membership: Membership | undefined; readonly batch: readonly Waiting[] }
  >();

  proposed(number: number, proposal: Proposal, batch: readonly Waiting[]): void {
    this.#proposed.set(number, { proposal, batch });
  }

  /** Under the number of an own decree there can be another leader's: then nobody can say what became of the own one. */
  decided(decided: Decided, out: Replies): void {
    const { number, membership } = decided;
    const own = this.#proposed.get(number);
    if (own === undefined) return;
    this.#proposed.delete(number);
    if (isOf(own.proposal, decided)) this.#applying.set(number, { membership, batch: own.batch });
    else for (const each of own.batch) answer(each, UNKNOWN, out);
  }

  /** `outcomes`: one per command, or none of a reconfiguration. */
  applied(number: number, outcomes: readonly Outcome[], out: Replies): void {
    const own = this.#applying.get(number);
    if (own === undefined) return;
    this.#applying.delete(number);
    const { membership, batch } = own;
    for (const [at, each] of batch.entries())
      if (membership === undefined) answer(each, outcomes[at] ?? UNKNOWN, out);
      else answer(each, { kind: "result", result: encodeReconfigured({ number, membership }) }, out);
  }

  /** What was to be applied up to `number` was applied elsewhere: what it came to nobody knows here. */
  installed(number: number, out: Replies): void {
    for (const own of [this.#proposed, this.#applying])
      for (const [decree, { batch }] of own) {
        if (decree > number) continue;
        own.delete(decree);
        for (const each of batch) answer(each, UNKNOWN, out);
      }
  }

  /** In another reign nothing can be promised about what is in flight above `number`: it may be decided yet. */
  lose(number: number, out: Replies): void {
    for (const [decree, { batch }] of this.#proposed) {
      if (decree <= number) continue;
      this.#proposed.delete(decree);
      for (const each of batch) answer(each, UNKNOWN, out);
    }
  }
}

/** Mostly it is the very same bytes. They name their proposer, so that equal ones are of this member, too. */
function isOf(proposal: Proposal, { value, membership }: Decided): boolean {
  if (proposal.kind === "reconfigure") return membership?.members.join() === proposal.members.join();
  if (membership !== undefined || value.byteLength !== proposal.value.byteLength) return false;
  return value === proposal.value || value.every((byte, at) => byte === proposal.value[at]);
}
