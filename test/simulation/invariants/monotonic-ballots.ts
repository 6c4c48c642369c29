import type { MemberId } from "@halon/consensus";
import { compareBallotTexts } from "./ballots.ts";
import { type LifeBegin, type MemberStep, WatchedInvariant } from "./watched.ts";

export class MonotonicBallots extends WatchedInvariant {
  readonly name = "monotonic-ballots";
  readonly citation = "Lamport, The Part-Time Parliament (1998), §2.1 and §2.3";
  readonly says =
    "within a life the ballot that a member has promised never falls, and no two lives propose in one ballot";
  readonly #promised = new Map<MemberId, string>();
  readonly #lives = new Map<MemberId, number>();
  /** Of each ballot in which something was proposed: who did, in which life. */
  readonly #proposers = new Map<string, string>();

  override onBegin({ member }: LifeBegin): void {
    this.#promised.delete(member);
    this.#lives.set(member, (this.#lives.get(member) ?? 0) + 1);
  }

  override onStep({ member, input, outputs, status }: MemberStep): void {
    if (input.kind === "restore") return;
    const { ballot } = status;
    const before = this.#promised.get(member);
    if (ballot !== before) {
      if (before !== undefined)
        this.expect(compareBallotTexts(before, ballot) < 0, () => `${member} promises ${ballot} after ${before}`);
      this.#promised.set(member, ballot);
    }
    if (!outputs.some(({ kind }) => kind === "proposed")) return;
    const proposer = `${member} in life ${this.#lives.get(member)}`;
    const other = this.#proposers.get(ballot);
    if (other === undefined) this.#proposers.set(ballot, proposer);
    this.expect(
      other === undefined || other === proposer,
      () => `${proposer} and ${other} propose in ballot ${ballot}`,
    );
  }
}
