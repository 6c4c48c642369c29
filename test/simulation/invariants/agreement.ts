import { isSameDecree, isSameMembership, type Ledger } from "./ledger.ts";
import { type MemberStep, WatchedInvariant } from "./watched.ts";

export class Agreement extends WatchedInvariant {
  readonly name = "agreement";
  readonly citation = "Lamport, Paxos Made Simple (2001), §2.1; promise G2";
  readonly says = "no two members, in any of their lives, deliver different decrees under one number";
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    super();
    this.#ledger = ledger;
  }

  override onStep({ member, input, outputs }: MemberStep): void {
    if (input.kind === "install")
      this.expect(
        input.number <= this.#ledger.highest &&
          isSameMembership(input.membership, this.#ledger.membershipAt(input.number + 1)),
        () => `${member} takes over a state as of ${input.number} with ${input.membership.members.join()} in force`,
      );
    for (const output of outputs) {
      if (output.kind !== "decided") continue;
      const { number, value, membership } = output;
      const first = this.#ledger.decided(number);
      this.expect(
        first !== undefined && isSameDecree(first, { value, membership }),
        () => `decree ${number} on ${member} is ${hex(value)}, elsewhere ${first && hex(first.value)}`,
      );
    }
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
