import {
  BALLOT_ZERO,
  type Ballot,
  ballotAbove,
  compareBallots,
  createMembership,
  formatBallot,
  isMemberId,
  MEMBERS_MAX,
  MembershipError,
  quorumSize,
  Tally,
} from "@halon/consensus";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const memberId = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const ballot: fc.Arbitrary<Ballot> = fc.record({
  round: fc.nat({ max: 4 }),
  member: fc.constantFrom("a", "b", "B", "a-1", "zz"),
});
const members = fc.uniqueArray(memberId, { minLength: 1, maxLength: MEMBERS_MAX });

describe("ballots", () => {
  it("are a total order", () => {
    fc.assert(
      fc.property(ballot, ballot, ballot, (a, b, c) => {
        expect(Math.sign(compareBallots(a, b))).toBe(-Math.sign(compareBallots(b, a)) + 0);
        if (compareBallots(a, b) === 0) expect(a).toEqual(b);
        if (compareBallots(a, b) <= 0 && compareBallots(b, c) <= 0) expect(compareBallots(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it("of a proposer carry its id and are above all others; none is below zero", () => {
    fc.assert(
      fc.property(memberId, fc.array(ballot), (self, others) => {
        const own = ballotAbove(self, ...others);
        expect(own.member).toBe(self);
        for (const other of [...others, BALLOT_ZERO]) expect(compareBallots(own, other)).toBeGreaterThan(0);
      }),
    );
  });

  it("are written round first", () => {
    expect(formatBallot({ round: 7, member: "station-2" })).toBe("7.station-2");
    expect(formatBallot(BALLOT_ZERO)).toBe("0.-");
  });
});

/** All subsets of `items`: bit n of a number says whether item n is in. */
const subsets = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: 2 ** items.length }, (_, bits) => items.filter((_item, at) => (bits >> at) & 1));

describe("quorums", () => {
  it("are the smallest sets of which any two meet: checked for all pairs, up to seven members", () => {
    for (let size = 1; size <= 7; size++) {
      const membership = createMembership(Array.from({ length: size }, (_, at) => `m${at}`));
      const all = subsets(membership.members);
      const meet = (count: number): boolean => {
        const sets = all.filter((set) => set.length === count);
        return sets.every((a) => sets.every((b) => a.some((member) => b.includes(member))));
      };
      expect(meet(quorumSize(membership))).toBe(true);
      expect(meet(quorumSize(membership) - 1)).toBe(false);
    }
  });

  it("are counted like a set of names is, whoever answers how often", () => {
    fc.assert(
      fc.property(members, fc.array(fc.oneof(memberId, fc.nat())), (names, answers) => {
        const membership = createMembership(names);
        const tally = new Tally(membership);
        const twin = new Set<string>();
        for (const answer of answers) {
          const from = typeof answer === "number" ? (names[answer % names.length] as string) : answer;
          const counts = names.includes(from) && !twin.has(from);
          if (counts) twin.add(from);
          expect(tally.add(from)).toBe(counts);
          expect(tally.has(from)).toBe(twin.has(from));
          expect(tally.count).toBe(twin.size);
          expect(tally.isQuorum).toBe(2 * twin.size > names.length);
        }
      }),
    );
  });
});

describe("membership", () => {
  it("is sorted, whatever the order of naming, and leaves the list alone", () => {
    fc.assert(
      fc.property(members, (names) => {
        const given = [...names];
        const membership = createMembership(given, 3);
        expect(given).toEqual(names);
        expect(membership).toEqual({ legislature: 3, members: [...names].sort() });
      }),
    );
  });

  it("refuses lists that make no group, and says what to do", () => {
    const codeOf = (names: readonly string[]): string | undefined => {
      try {
        createMembership(names);
        return undefined;
      } catch (error) {
        expect(error).toBeInstanceOf(MembershipError);
        return (error as MembershipError).code;
      }
    };
    expect(codeOf([])).toBe("empty");
    expect(codeOf(Array.from({ length: MEMBERS_MAX + 1 }, (_, at) => `m${at}`))).toBe("too-many");
    expect(codeOf(["a", "b", "a"])).toBe("duplicate");
    for (const bad of ["", "a.B", "a.", ".b", "a.b.c", "a b", "a*", "ä", "x".repeat(65)]) {
      expect(isMemberId(bad)).toBe(false);
      expect(codeOf(["a", bad])).toBe("bad-id");
    }
    expect(codeOf(["a", "a.1"])).toBe("duplicate");
    expect(codeOf(["a.1", "b.1"])).toBe(undefined);
    expect(() => createMembership(["a", "a.B"])).toThrow(/"a\.B".*1 to 64 characters/);
  });
});
