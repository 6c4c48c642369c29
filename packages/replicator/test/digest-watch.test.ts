import { createMembership } from "@halon/consensus";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DigestWatch } from "../src/digest-watch.ts";

const five = createMembership(["a", "b", "c", "d", "e"]);
const say = (number: number, digest: string) => ({ number, digest });

describe("DigestWatch", () => {
  it("L16 finds out that it is in the minority, once per number, whoever speaks first", () => {
    const watch = new DigestWatch("a");
    expect(watch.hear("b", say(8, "x"), five)).toBeUndefined();
    expect(watch.hear("c", say(8, "x"), five)).toBeUndefined();
    expect(watch.note(8, "y", five)).toBeUndefined();
    // The same voice does not count twice.
    expect(watch.hear("c", say(8, "x"), five)).toBeUndefined();
    expect(watch.hear("stranger", say(8, "x"), five)).toBeUndefined();
    expect(watch.hear("d", say(8, "x"), five)).toEqual({ kind: "diverged", number: 8, majority: ["b", "c", "d"] });
    expect(watch.hear("e", say(8, "x"), five)).toBeUndefined();
  });

  it("says nothing as part of a majority, and nothing of numbers that it has not applied", () => {
    const watch = new DigestWatch("a");
    watch.note(8, "x", five);
    for (const member of ["b", "c"]) expect(watch.hear(member, say(8, "x"), five)).toBeUndefined();
    expect(watch.hear("d", say(8, "y"), five)).toBeUndefined();
    expect(watch.hear("e", say(8, "z"), five)).toBeUndefined();
    for (const member of ["b", "c", "d"]) expect(watch.hear(member, say(16, "x"), five)).toBeUndefined();
  });

  it("is undecided when all have spoken, and none is a majority", () => {
    const watch = new DigestWatch("a");
    watch.note(8, "x", five);
    for (const [member, digest] of [
      ["b", "x"],
      ["c", "y"],
      ["d", "y"],
    ] as const)
      expect(watch.hear(member, say(8, digest), five)).toBeUndefined();
    expect(watch.hear("e", say(8, "z"), five)).toEqual({ kind: "undecided", number: 8 });
  });

  it("forgets old numbers, and its own ones when the state is replaced", () => {
    const watch = new DigestWatch("a");
    for (let number = 1; number <= 9; number++) watch.note(number, "y", five);
    for (const member of ["b", "c", "d", "e"]) expect(watch.hear(member, say(1, "x"), five)).toBeUndefined();
    expect(watch.last).toEqual({ number: 9, digest: "y" });
    watch.reset();
    expect(watch.last).toBeUndefined();
    for (const member of ["b", "c", "d", "e"]) expect(watch.hear(member, say(9, "x"), five)).toBeUndefined();
  });

  it("comes to what counting all voices at once would, in whatever order they come", () => {
    const digests = fc.array(fc.constantFrom("x", "y", "z"), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(digests, fc.shuffledSubarray([...five.members], { minLength: 5 }), (saying, order) => {
        const watch = new DigestWatch("a");
        const verdicts = order.map((member) => {
          const digest = saying[five.members.indexOf(member)] ?? "";
          return member === "a" ? watch.note(8, digest, five) : watch.hear(member, say(8, digest), five);
        });
        const [own = ""] = saying;
        const votes = (digest: string): number => saying.filter((each) => each === digest).length;
        const winner = ["x", "y", "z"].find((digest) => votes(digest) >= 3);
        const expected = winner === undefined ? "undecided" : winner === own ? undefined : "diverged";
        expect(verdicts.find((verdict) => verdict !== undefined)?.kind).toBe(expected);
        expect(verdicts.filter((verdict) => verdict !== undefined).length).toBe(expected === undefined ? 0 : 1);
      }),
    );
  });
});
