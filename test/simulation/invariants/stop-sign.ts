import { isSameDecree, type Ledger } from "./ledger.ts";
import { type MemberStep, WatchedInvariant } from "./watched.ts";

export class StopSign extends WatchedInvariant {
  readonly name = "stop-sign";
  readonly citation = "Lamport, Malkhi, Zhou, Stoppable Paxos (2008), §2; Reconfiguring a State Machine (2010), §3";
  readonly says =
    "legislatures follow each other by one, and what was proposed in one is never decided after the decree that ends it";
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    super();
    this.#ledger = ledger;
  }

  override onStep({ outputs }: MemberStep): void {
    for (const output of outputs) {
      if (output.kind !== "decided") continue;
      const { number, value, membership } = output;
      const inForce = this.#ledger.membershipAt(number)?.legislature ?? 0;
      const made = this.#ledger.proposals(number).filter((each) => isSameDecree(each, { value, membership }));
      this.expect(
        made.length === 0 || made.some(({ legislature }) => legislature === inForce),
        () =>
          `decree ${number} of legislature ${inForce} was proposed in ${made.map((each) => each.legislature).join()}`,
      );
      if (membership !== undefined)
        this.expect(
          membership.legislature === inForce + 1,
          () => `legislature ${inForce} is followed by ${membership.legislature} at decree ${number}`,
        );
    }
  }
}
