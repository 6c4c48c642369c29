import { isSameDecree, type Ledger } from "./ledger.ts";
import { type MemberStep, WatchedInvariant } from "./watched.ts";

export class Validity extends WatchedInvariant {
  readonly name = "validity";
  readonly citation = "Lamport, Paxos Made Simple (2001), §2.1";
  readonly says = "only what a leader has proposed under a number, or the empty value, is decided under it";
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    super();
    this.#ledger = ledger;
  }

  override onStep({ member, outputs }: MemberStep): void {
    for (const output of outputs) {
      if (output.kind !== "decided") continue;
      const { number, value, membership } = output;
      const isEmpty = value.byteLength === 0 && membership === undefined;
      this.expect(
        isEmpty || this.#ledger.proposals(number).some((proposal) => isSameDecree(proposal, { value, membership })),
        () => `decree ${number} on ${member} was never proposed under that number`,
      );
    }
  }
}
