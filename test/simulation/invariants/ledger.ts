import type { Membership } from "@halon/consensus";

/** A decree as it was delivered first. */
export interface Decided {
  readonly value: Uint8Array;
  /** Of a reconfiguration. */
  readonly membership: Membership | undefined;
}

/** A decree as a leader has proposed it. */
export interface Proposal extends Decided {
  readonly number: number;
  /** Identifies the reign: no two proposers share a ballot. */
  readonly ballot: string;
  readonly legislature: number;
}

export const isSameMembership = (a: Membership | undefined, b: Membership | undefined): boolean =>
  a === b || (a?.legislature === b?.legislature && a?.members.join() === b?.members.join());

export const isSameDecree = (a: Decided, b: Decided): boolean =>
  isSameMembership(a.membership, b.membership) && Buffer.compare(a.value, b.value) === 0;

/** What was proposed and decided, over all members and all their lives: what invariants compare with. */
export class Ledger {
  readonly #decided = new Map<number, Decided>();
  readonly #proposals = new Map<number, Proposal[]>();
  /** In order: each in force from its `from` on. */
  readonly #memberships: { readonly from: number; readonly membership: Membership }[] = [];
  #highest = 0;

  /** Highest number delivered anywhere. */
  get highest(): number {
    return this.#highest;
  }

  /** How many legislatures there were. */
  get legislatures(): number {
    return this.#memberships.length;
  }

  decided(number: number): Decided | undefined {
    return this.#decided.get(number);
  }

  /** All that were made under this number. */
  proposals(number: number): readonly Proposal[] {
    return this.#proposals.get(number) ?? [];
  }

  /** Who votes on this decree, as far as all before it are known. */
  membershipAt(number: number): Membership | undefined {
    return this.#memberships.findLast(({ from }) => from <= number)?.membership;
  }

  noteFounding(membership: Membership): void {
    if (this.#memberships.length === 0) this.#memberships.push({ from: 1, membership });
  }

  noteProposal(proposal: Proposal): void {
    const known = this.#proposals.get(proposal.number);
    if (known === undefined) this.#proposals.set(proposal.number, [proposal]);
    else known.push(proposal);
  }

  /** The first word counts. True when this was it. */
  noteDecided(number: number, decided: Decided): boolean {
    if (this.#decided.has(number)) return false;
    this.#decided.set(number, decided);
    this.#highest = Math.max(this.#highest, number);
    if (decided.membership !== undefined) this.#memberships.push({ from: number + 1, membership: decided.membership });
    return true;
  }
}
