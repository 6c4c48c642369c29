import { createMembership, MEMBERS_MAX, quorumSize } from "@halon/consensus";
import {
  decodeReconfigured,
  encodeReconfigure,
  LAG_DECREES_MAX,
  LISTEN_MS,
  type Reconfigure,
} from "@halon/replicated-log";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planReconfiguration, type Situation } from "../src/reconfiguration.ts";
import { command } from "./commands.ts";
import { Bench } from "./scripted-consensus.ts";

/** `a` leads a, b and c; all are heard, and d.1 has learnt nearly all. */
const situation = (over: Partial<Situation> = {}): Situation => ({
  self: "a",
  membership: createMembership(["a", "b", "c"]),
  chosen: 1_000,
  progress: new Map([
    ["b", 1_000],
    ["c", 990],
    ["d.1", 900],
  ]),
  ledMs: LISTEN_MS,
  ...over,
});

function plan(request: Reconfigure, over: Partial<Situation> = {}): string {
  const plan = planReconfiguration(request, situation(over));
  if (plan.kind === "refused") return `${plan.code}: ${plan.message}`;
  return plan.kind === "propose" ? plan.members.join(" ") : plan.kind;
}

/** Who was heard, with all decrees. */
const heard = (...members: readonly string[]): Partial<Situation> => ({
  progress: new Map(members.map((member) => [member, 1_000])),
});

describe("planReconfiguration", () => {
  it("L3 L4 adds, removes and replaces", () => {
    expect(plan({ add: "d.1" })).toBe("a b c d.1");
    expect(plan({ remove: "b" })).toBe("a c");
    expect(plan({ remove: "a" })).toBe("b c");
    expect(plan({ add: "d.1", remove: "c" })).toBe("a b d.1");
  });

  it("L3 changes nothing that is so already", () => {
    expect(plan({ add: "b" })).toBe("unchanged");
    expect(plan({ remove: "x" })).toBe("unchanged");
    expect(plan({ add: "b", remove: "x" })).toBe("unchanged");
    expect(plan({ add: "b", remove: "c" })).toBe("a b");
    expect(plan({ add: "d.1", remove: "x" })).toBe("a b c d.1");
  });

  it("refuses another incarnation of who votes already, unless it replaces that", () => {
    const over = { membership: createMembership(["a", "b", "d.0"]) };
    expect(plan({ add: "d.1" }, over)).toMatch(/^conflict: d votes as d\.0: remove that/);
    expect(plan({ add: "d.1", remove: "b" }, over)).toMatch(/^conflict/);
    expect(plan({ add: "d.1", remove: "d.0" }, over)).toBe("a b d.1");
  });

  it("refuses more members than a group may have", () => {
    const many = Array.from({ length: MEMBERS_MAX }, (_, at) => `m${at}`);
    const over = { self: "m0", membership: createMembership(many), ...heard(...many, "x") };
    expect(plan({ add: "x" }, over)).toMatch(/^conflict: 15 members: at most 15/);
    expect(plan({ add: "x", remove: "m1" }, over).split(" ").length).toBe(MEMBERS_MAX);
  });

  it("L3 refuses who is not heard, or lacks too much", () => {
    expect(plan({ add: "e" })).toMatch(/^not-caught-up: e is not heard/);
    const lacking = (has: number) =>
      plan(
        { add: "e" },
        {
          progress: new Map([
            ["b", 1_000],
            ["e", has],
          ]),
        },
      );
    expect(lacking(1_000 - LAG_DECREES_MAX)).toBe("a b c e");
    expect(lacking(999 - LAG_DECREES_MAX)).toBe("not-caught-up: e has decree 743 of 1000: it learns; try again");
  });

  it("refuses to leave nobody", () => {
    expect(plan({ remove: "a" }, { membership: createMembership(["a"]) })).toMatch(/^last-member/);
    expect(plan({ remove: "a", add: "d.1" }, { membership: createMembership(["a"]) })).toBe("d.1");
  });

  it("refuses nonsense", () => {
    for (const request of [{}, { add: "b", remove: "b" }, { onlyIfSilent: true }])
      expect(plan(request)).toMatch(/^malformed/);
  });

  it("an automatic replacement waits until the one to be removed is not heard for a while", () => {
    const request = { add: "c.2", remove: "c", onlyIfSilent: true };
    expect(plan(request, heard("b", "c", "c.2"))).toMatch(/^in-use: c is heard/);
    expect(plan(request, { ...heard("b", "c.2"), ledMs: LISTEN_MS - 1 })).toMatch(/^in-use: c may be alive/);
    expect(plan(request, heard("b", "c.2"))).toBe("a b c.2");
    expect(plan({ ...request, remove: "a", add: "a.2" }, heard("b", "c", "a.2"))).toMatch(/^in-use/);
    expect(plan({ ...request, onlyIfSilent: false }, heard("b", "c", "c.2"))).toBe("a b c.2");
  });

  it("refuses a membership of which too few are heard, and no other", () => {
    expect(plan({ remove: "b" }, heard("b"))).toMatch(/^no-quorum: of a, c, 2 are needed .* and c are not heard/);
    expect(plan({ remove: "c" }, heard("b"))).toBe("a b");
    const names = ["a", "b", "c", "d", "e", "f"];
    fc.assert(
      fc.property(
        fc.subarray(names, { minLength: 1 }),
        fc.subarray(names.slice(1)),
        fc.constantFrom(...names),
        (members, alive, remove) => {
          fc.pre(members.includes("a") && members.includes(remove) && members.length > 1);
          const said = plan({ remove }, { membership: createMembership(members), ...heard(...alive) });
          const next = createMembership(members.filter((each) => each !== remove));
          const live = next.members.filter((each) => each === "a" || alive.includes(each));
          expect(said.startsWith("no-quorum")).toBe(live.length < quorumSize(next));
        },
      ),
    );
  });
});

describe("reconfiguration", () => {
  const bench = (): Bench => {
    const ready = new Bench();
    ready.reign();
    const progress = new Map(["b", "c", "d", "e"].map((member) => [member, 1] as const));
    ready.consensus.status = { ...ready.consensus.status, progress };
    return ready;
  };
  /** Submits, and has it confirmed that this member leads. */
  const ask = (on: Bench, token: number, request: Reconfigure, number = 1): string[] => {
    const payload = encodeReconfigure(request);
    on.input({ kind: "submit", token, commands: [{ ...command("reconfigure"), payload }] });
    return on.hear(on.consensus.confirmed(number));
  };

  it("L3 becomes a decree of its own, and is answered when that is applied", () => {
    const on = bench();
    ask(on, 1, { add: "d" });
    expect(on.decrees).toEqual(["[a+b+c+d]"]);
    on.submit(2, "waits");
    expect(on.decrees).toEqual(["[a+b+c+d]"]);
    expect(on.endLegislature()).toEqual(["apply 2 reconfigures [a+b+c+d]", "timer", "leader -"]);
    const [reply] = on.log.step({ kind: "applied", number: 2, outcomes: [] }, 0);
    const outcome = reply?.kind === "reply" ? reply.outcomes[0] : undefined;
    expect(outcome?.kind === "result" && decodeReconfigured(outcome.result)).toEqual({
      number: 2,
      membership: createMembership(["a", "b", "c", "d"], 2),
    });
  });

  it("L5 updates wait for the next legislature, and are proposed in it, once", () => {
    const on = bench();
    on.submit(1, "before");
    ask(on, 2, { remove: "c" });
    on.submit(3, "after");
    expect(on.decrees).toEqual(["+0 before", "[a+b]"]);
    on.decide();
    on.endLegislature();
    on.submit(4, "between");
    on.lead("a");
    expect(on.decrees).toEqual(["+0 after,between"]);
    expect(on.decide()).toEqual(["apply 4 +0 after,between [a+b]"]);
  });

  it("repeated, changes nothing and says so", () => {
    const on = bench();
    ask(on, 1, { add: "d" });
    on.decide();
    on.applied(2);
    on.lead("a");
    on.decide();
    expect(ask(on, 2, { add: "d" }).map((each) => each.slice(0, 14))).toEqual(["reply 2 result"]);
    expect(on.decrees).toEqual([]);
    const again = on.input({
      kind: "submit",
      token: 3,
      commands: [{ ...command("reconfigure"), payload: encodeReconfigure({ remove: "x" }) }],
    });
    expect(again).toEqual([]);
    expect(on.hear(on.consensus.confirmed(9)), "not before it is known to be up to date").toEqual([]);
    expect(on.applied(9).map((each) => each.slice(0, 14))).toEqual(["reply 3 result"]);
  });

  it("several are done one after the other, each on what the one before has come to", () => {
    const on = bench();
    ask(on, 1, { add: "d" });
    ask(on, 2, { add: "e" });
    ask(on, 3, { remove: "d" });
    expect(on.decrees).toEqual(["[a+b+c+d]"]);
    on.decide();
    expect(on.decrees).toEqual([]);
    on.lead("a");
    expect(on.decrees).toEqual(["[a+b+c+d+e]"]);
    on.decide();
    on.lead("a");
    expect(on.decrees).toEqual(["[a+b+c+e]"]);
  });

  it("refused ones are answered at once, and hold up nobody", () => {
    const on = bench();
    expect(ask(on, 1, { add: "x" })).toEqual(["reply 1 refused not-caught-up"]);
    expect(ask(on, 2, {})).toEqual(["reply 2 refused malformed"]);
    on.input({ kind: "submit", token: 3, commands: [command("reconfigure", "garbage")] });
    expect(on.hear(on.consensus.confirmed(1))).toEqual(["reply 3 refused malformed"]);
  });

  it("is unknown to a leader that loses its office before it is decided, and done when after", () => {
    const lost = bench();
    ask(lost, 1, { remove: "c" });
    expect(lost.lead("b")).toEqual(["reply 1 unknown", "leader b"]);
    const removed = bench();
    ask(removed, 1, { remove: "a" });
    removed.submit(3, "left over");
    expect(removed.endLegislature()).toEqual(["apply 2 reconfigures [b+c]", "reply 3 notLeader -", "leader -"]);
    expect(removed.applied(2).map((each) => each.slice(0, 14))).toEqual(["reply 1 result"]);
    expect(removed.submit(2, "x")).toEqual(["reply 2 notLeader -"]);
  });

  it("is not the affair of who does not lead", () => {
    const on = new Bench();
    on.lead("b");
    const commands = [{ ...command("reconfigure"), payload: encodeReconfigure({ add: "d" }) }];
    expect(on.input({ kind: "submit", token: 1, commands })).toEqual(["reply 1 notLeader b"]);
  });

  it("more than may wait are refused as busy", () => {
    const on = bench();
    on.consensus.window = 0;
    for (let token = 1; token <= 16; token++) expect(ask(on, token, { add: "d" })).toEqual([]);
    expect(ask(on, 17, { add: "d" })).toEqual(["reply 17 busy"]);
  });
});
