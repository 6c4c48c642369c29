import type { MemberId } from "@halon/consensus";
import type { Ledger } from "./ledger.ts";
import { type LifeBegin, type MemberStep, WatchedInvariant } from "./watched.ts";

export class FreshReads extends WatchedInvariant {
  readonly name = "fresh-reads";
  readonly citation = "Ongaro, Consensus: Bridging Theory and Practice (2014), §6.4";
  readonly says = "a read is confirmed as of a decree not below any that was delivered anywhere before it was asked";
  readonly #ledger: Ledger;
  /** Of each member, by token: the highest decree when it was asked. */
  readonly #asked = new Map<MemberId, Map<number, number>>();

  constructor(ledger: Ledger) {
    super();
    this.#ledger = ledger;
  }

  override onBegin({ member }: LifeBegin): void {
    this.#asked.set(member, new Map());
  }

  override onStep({ member, input, outputs }: MemberStep): void {
    const asked = this.#asked.get(member);
    if (input.kind === "confirm") asked?.set(input.token, this.#ledger.highest);
    for (const output of outputs) {
      if (output.kind !== "confirmed" && output.kind !== "unconfirmed") continue;
      const floor = asked?.get(output.token) ?? 0;
      asked?.delete(output.token);
      if (output.kind === "confirmed")
        this.expect(
          output.number >= floor,
          () => `${member} confirms a read as of ${output.number}, but ${floor} was decided before it was asked`,
        );
    }
  }
}
