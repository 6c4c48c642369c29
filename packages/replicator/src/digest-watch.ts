import { type MemberId, type Membership, quorumSize } from "@halon/consensus";

/** Decrees from one digest to the next. All members of a group have the same. */
export const DIGEST_EVERY_DEFAULT = 1_024;
/** Numbers kept of each member, the newest. */
const NUMBERS_MAX = 8;

/** What comparing has come to, once per number. */
export type DigestVerdict =
  /** A majority has another state than this member: this one is wrong, and `majority` is right. */
  | { readonly kind: "diverged"; readonly number: number; readonly majority: readonly MemberId[] }
  /** States differ, all members have said theirs, and no majority has the same. */
  | { readonly kind: "undecided"; readonly number: number };

/**
 * Compares the digests that members give of their states as of the same decrees. Counts members of the membership in force,
 * never messages; what a member says of a number first is what counts.
 */
export class DigestWatch {
  readonly #self: MemberId;
  /** Newest last. */
  readonly #own = new Map<number, string>();
  readonly #heard = new Map<MemberId, Map<number, string>>();
  /** Numbers about which a verdict was given. Subset of those in `own`. */
  readonly #judged = new Set<number>();

  constructor(self: MemberId) {
    this.#self = self;
  }

  /** The newest digest of this member's own state. */
  get last(): { readonly number: number; readonly digest: string } | undefined {
    const last = [...this.#own].at(-1);
    return last && { number: last[0], digest: last[1] };
  }

  /** This member's state as of a decree that it has just applied. */
  note(number: number, digest: string, membership: Membership | undefined): DigestVerdict | undefined {
    keep(this.#own, number, digest);
    for (const judged of this.#judged) if (!this.#own.has(judged)) this.#judged.delete(judged);
    return this.#judge(number, membership);
  }

  /** What another member says of its own. */
  hear(
    from: MemberId,
    { number, digest }: { readonly number: number; readonly digest: string },
    membership: Membership | undefined,
  ): DigestVerdict | undefined {
    if (from === this.#self || membership === undefined || !membership.members.includes(from)) return undefined;
    for (const member of this.#heard.keys()) if (!membership.members.includes(member)) this.#heard.delete(member);
    const heard = this.#heard.get(from) ?? new Map<number, string>();
    this.#heard.set(from, heard);
    if (!heard.has(number)) keep(heard, number, digest);
    return this.#judge(number, membership);
  }

  /** The state was replaced: what was said of the old one is void. */
  reset(): void {
    this.#own.clear();
    this.#judged.clear();
  }

  #judge(number: number, membership: Membership | undefined): DigestVerdict | undefined {
    const own = this.#own.get(number);
    if (own === undefined || membership === undefined || this.#judged.has(number)) return undefined;
    const saying = new Map<string, MemberId[]>();
    let count = 0;
    for (const member of membership.members) {
      const digest = member === this.#self ? own : this.#heard.get(member)?.get(number);
      if (digest === undefined) continue;
      count++;
      saying.set(digest, [...(saying.get(digest) ?? []), member]);
    }
    for (const [digest, members] of saying) {
      if (members.length < quorumSize(membership)) continue;
      if (digest === own) return undefined;
      this.#judged.add(number);
      return { kind: "diverged", number, majority: members };
    }
    if (saying.size < 2 || count < membership.members.length) return undefined;
    this.#judged.add(number);
    return { kind: "undecided", number };
  }
}

function keep(digests: Map<number, string>, number: number, digest: string): void {
  digests.set(number, digest);
  if (digests.size <= NUMBERS_MAX) return;
  digests.delete(Math.min(...digests.keys()));
}
