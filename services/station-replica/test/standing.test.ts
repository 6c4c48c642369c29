import { describe, expect, it } from "vitest";
import { type Situation, type Standing, standingOf } from "../src/standing.ts";

const membership = (...members: readonly string[]) => ({ legislature: 2, members });
const USUAL: Situation = {
  identity: { name: "a", incarnation: "0", stage: "member" },
  isRejoining: true,
  membership: membership("a.0", "b.0", "c.0"),
  disowned: new Map(),
  leader: "b.0",
  refusal: "",
};
const NEW = { name: "a", incarnation: "9f3a01bc", stage: "joining" } as const;
const standing = (change: Partial<Situation>): Standing => standingOf({ ...USUAL, ...change });

describe("how a station stands", () => {
  it("a member votes, with or without a leader", () => {
    expect(standing({})).toEqual({ kind: "votes" });
    expect(standing({ leader: undefined })).toMatchObject({
      kind: "votes",
      why: expect.stringMatching(/^no leader: a majority of a, b, c has to run/),
    });
  });

  it("a new incarnation joins in the place of the old one, and tells why it has not been let in yet", () => {
    expect(standing({ identity: NEW })).toEqual({
      kind: "joins",
      instead: "a.0",
      why: "it joins as a.9f3a01bc in the place of a.0",
    });
    expect(standing({ identity: NEW, refusal: "a.0 is heard" })).toMatchObject({
      why: "it joins as a.9f3a01bc in the place of a.0. Last answer: a.0 is heard",
    });
  });

  it.each<[string, Partial<Situation>, RegExp]>([
    ["that has yet to learn of the members", { membership: undefined }, /^it has not learnt yet/],
    [
      "that was removed, or is new",
      { membership: membership("b.0", "c.0") },
      /To make it one: halonctl station add a$/,
    ],
    ["that must not rejoin by itself", { identity: NEW, isRejoining: false }, /halonctl station replace a a$/],
    ["that was replaced", { membership: membership("a.1", "b.0") }, /^a\.0 was replaced by a\.1: .*adopt/],
  ])("one %s only learns, and says what to do", (_, change, words) => {
    expect(standing(change)).toMatchObject({ kind: "learns", why: expect.stringMatching(words) });
  });

  it("one that its peers do not believe stops, even if it is a member", () => {
    const disowned = new Map([["a.0", "b.0 says: a.0 runs twice"]]);
    expect(standing({ disowned })).toMatchObject({
      kind: "disowned",
      why: expect.stringMatching(/a\.0 runs twice.*adopt/),
    });
    expect(standing({ disowned: new Map([["c.0", "…"]]) })).toEqual({ kind: "votes" });
  });
});
