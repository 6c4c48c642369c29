import type { MemberId } from "@halon/consensus";
import { type MemberStep, WatchedInvariant } from "./watched.ts";

export class LogMatching extends WatchedInvariant {
  readonly name = "log-matching";
  readonly citation =
    "Ongaro and Ousterhout, In Search of an Understandable Consensus Algorithm (2014), §5.3; design §4";
  readonly says = "members deliver without a gap, each number once";
  /** Of the present life of each. */
  readonly #delivered = new Map<MemberId, number>();

  override onStep({ member, input, outputs }: MemberStep): void {
    if (input.kind === "start") this.#delivered.set(member, input.applied);
    if (input.kind === "install") this.#delivered.set(member, input.number);
    for (const output of outputs) {
      if (output.kind !== "decided") continue;
      const { number } = output;
      const before = this.#delivered.get(member) ?? 0;
      this.expect(number === before + 1, () => `${member} is given decree ${number} after ${before}`);
      this.#delivered.set(member, number);
    }
  }
}
