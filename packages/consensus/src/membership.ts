import { isMemberId, type MemberId, memberName } from "./ids.ts";

/** Most members that a group may have. */
export const MEMBERS_MAX = 15;

/** Who votes in a legislature. */
export interface Membership {
  readonly legislature: number;
  /** Distinct, sorted. */
  readonly members: readonly MemberId[];
}

/** Distinct members that make a majority. Any two quorums of one membership share a member. */
export const quorumSize = (membership: Membership): number => Math.floor(membership.members.length / 2) + 1;

export type MembershipErrorCode = "empty" | "too-many" | "bad-id" | "duplicate";

/** A list of members that cannot make a group. */
export class MembershipError extends Error {
  override readonly name = "MembershipError";
  readonly code: MembershipErrorCode;

  constructor(code: MembershipErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Throws {@link MembershipError}. An even number is allowed: two members tolerate no failure, four only one. */
export function createMembership(members: readonly MemberId[], legislature = 1): Membership {
  if (members.length === 0) throw new MembershipError("empty", "a group needs at least one member; name them all");
  if (members.length > MEMBERS_MAX)
    throw new MembershipError(
      "too-many",
      `${members.length} members: at most ${MEMBERS_MAX} are allowed; 3, 5 or 7 are usual`,
    );
  for (const [at, member] of members.entries()) {
    if (!isMemberId(member))
      throw new MembershipError(
        "bad-id",
        `member ${JSON.stringify(member)}: use 1 to 64 characters of A-Z a-z 0-9 _ -, and an incarnation after a dot if need be`,
      );
    if (members.findIndex((other) => memberName(other) === memberName(member)) !== at)
      throw new MembershipError(
        "duplicate",
        `member ${memberName(member)} is named twice: each needs a name of its own`,
      );
  }
  return { legislature, members: [...members].sort() };
}

/**
 * Who has answered so far. Counts distinct members of one membership, never messages: a duplicated or foreign answer
 * changes nothing.
 */
export class Tally {
  readonly #membership: Membership;
  readonly #answered = new Set<MemberId>();

  constructor(membership: Membership) {
    this.#membership = membership;
  }

  /** True when `member` belongs to the membership and had not answered before. */
  add(member: MemberId): boolean {
    if (!this.#membership.members.includes(member) || this.#answered.has(member)) return false;
    this.#answered.add(member);
    return true;
  }

  has(member: MemberId): boolean {
    return this.#answered.has(member);
  }

  get count(): number {
    return this.#answered.size;
  }

  get isQuorum(): boolean {
    return this.#answered.size >= quorumSize(this.#membership);
  }
}
