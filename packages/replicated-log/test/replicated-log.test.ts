import { type ConsensusOutput, createMembership } from "@halon/consensus";
import {
  COMMAND_BYTES_MAX,
  COMMANDS_MAX,
  type Command,
  ELAPSED_MS_MAX,
  encodeReconfigure,
} from "@halon/replicated-log";
import { describe, expect, it } from "vitest";
import { decodeDecree, encodeDecree } from "../src/codec.ts";
import { command } from "./commands.ts";
import { bytes } from "./map-store.ts";
import { Bench } from "./scripted-consensus.ts";

describe("ReplicatedLog", () => {
  it("names the leader, as far as it is known, to who asks elsewhere", () => {
    const bench = new Bench();
    expect(bench.submit(1, "x", "y")).toEqual(["reply 1 notLeader -,notLeader -"]);
    expect(bench.lead("b")).toEqual(["leader b"]);
    expect(bench.submit(2, "x")).toEqual(["reply 2 notLeader b"]);
    expect(bench.consensus.proposed).toEqual([]);
  });

  it("makes one decree of all that gathers while the window is full, and replies when it is applied", () => {
    const bench = new Bench();
    bench.reign();
    bench.submit(1, "p");
    bench.submit(2, "q");
    expect(bench.submit(3, "r", "s")).toEqual([]);
    expect(bench.submit(4, "t")).toEqual([]);
    expect(bench.decrees).toEqual(["+0 p", "+0 q"]);
    expect(bench.decide()).toEqual(["apply 2 +0 p"]);
    expect(bench.decrees).toEqual(["+0 q", "+0 r,s,t"]);
    expect(bench.applied(2, "P")).toEqual(["reply 1 result P"]);
    bench.decide();
    bench.decide();
    expect(bench.applied(3, "Q")).toEqual(["reply 2 result Q"]);
    expect(bench.applied(4, "R", "S", "T")).toEqual(["reply 3 result R,result S", "reply 4 result T"]);
  });

  it("spreads what is too much over several decrees, and answers a submission once all of it is applied", () => {
    const bench = new Bench();
    bench.consensus.window = 10;
    bench.reign();
    const commands: Command[] = Array.from({ length: 3 }, () => ({
      ...command("idempotent"),
      payload: new Uint8Array(COMMAND_BYTES_MAX - 2_000),
    }));
    bench.input({ kind: "submit", token: 1, commands });
    expect(bench.consensus.proposed.length).toBe(2);
    for (const { proposal } of bench.consensus.proposed)
      expect(proposal.kind === "propose" && proposal.value.byteLength).toBeLessThanOrEqual(512 * 1024);
    bench.decide();
    bench.decide();
    expect(bench.applied(2, "1", "2")).toEqual([]);
    expect(bench.applied(3, "3")).toEqual(["reply 1 result 1,result 2,result 3"]);
  });

  it("puts at most so many commands into a decree", () => {
    const bench = new Bench();
    bench.reign();
    bench.consensus.window = 0;
    for (let token = 0; token < 3; token++) bench.submit(token, ...Array.from({ length: 1_000 }, () => ""));
    bench.consensus.window = 5;
    bench.submit(9, "");
    expect(bench.decrees.map((decree) => decree.split(",").length)).toEqual([COMMANDS_MAX, 953]);
  });

  it("deposed: what is in flight is unknown, what waits was never proposed, what is decided is answered", () => {
    const bench = new Bench();
    bench.reign();
    bench.submit(1, "decided");
    bench.submit(2, "in flight");
    bench.submit(3, "next", "too");
    bench.submit(4, "waits");
    bench.decide();
    bench.submit(5, "waits too");
    expect(bench.lead("b")).toEqual([
      "reply 2 unknown",
      "reply 3 unknown,unknown",
      "reply 4 unknown",
      "reply 5 notLeader b",
      "leader b",
    ]);
    expect(bench.applied(2, "yes")).toEqual(["reply 1 result yes"]);
  });

  it("deposed: a decree decided later under the number of its own is nobody's answer", () => {
    const bench = new Bench();
    bench.reign();
    bench.submit(1, "mine");
    expect(bench.lead(undefined)).toEqual(["reply 1 unknown", "leader -"]);
    bench.lead("a");
    expect(bench.hear({ kind: "decided", number: 2, value: new Uint8Array(0) })).toEqual(["apply 2 +0 "]);
    expect(bench.applied(2)).toEqual([]);
  });

  it("is busy beyond what may wait, and is not when some of it has gone", () => {
    const bench = new Bench({ waitingBytesMax: 200 });
    bench.reign();
    bench.consensus.window = 0;
    bench.submit(1, "x".repeat(100));
    expect(bench.submit(2, "x".repeat(100))).toEqual(["reply 2 busy"]);
    bench.consensus.window = 1;
    expect(bench.submit(3, "y")).toEqual([]);
    bench.decide();
    expect(bench.submit(4, "x".repeat(100))).toEqual([]);
  });

  it("refuses a command that is too large or of a kind it does not know, and takes the others of its submission", () => {
    const bench = new Bench();
    bench.reign();
    const large = { ...command("idempotent"), payload: new Uint8Array(COMMAND_BYTES_MAX + 1) };
    const commands = [large, command("idempotent", "x"), command("unsupported")];
    bench.input({ kind: "submit", token: 1, commands });
    bench.decide();
    expect(bench.applied(2, "X")).toEqual(["reply 1 refused too-large,result X,refused malformed"]);
  });

  it("answers an empty submission at once", () => {
    expect(new Bench().submit(1)).toEqual(["reply 1 "]);
  });

  it("gives out log time as it passes under its own lead, at most a second per decree", () => {
    const bench = new Bench();
    bench.consensus.window = 100;
    bench.nowMs = 50_000;
    bench.reign();
    for (const passMs of [0, 10, 0.6, 0.6, 5_000, 1]) {
      bench.nowMs += passMs;
      bench.submit(bench.nowMs, "x");
    }
    // Fractions are carried over; what is above a second is not.
    expect(bench.decrees).toEqual(["+0 x", "+10 x", "+0 x", "+1 x", `+${ELAPSED_MS_MAX} x`, "+1 x"]);
    bench.nowMs += 700;
    bench.lead("b");
    bench.nowMs += 700;
    bench.reign();
    bench.nowMs += 3;
    bench.submit(1, "y");
    expect(bench.decrees.at(-1)).toBe("+3 y");
  });

  it("takes a decree that it cannot read for an empty one, and counts it", () => {
    const bench = new Bench();
    expect(bench.hear({ kind: "decided", number: 1, value: Uint8Array.of(255, 255) })).toEqual(["apply 1 +0 "]);
    expect(bench.log.status.undecodable).toBe(1);
  });

  it("says in its first decree who votes, and at once", () => {
    const bench = new Bench();
    bench.lead("a");
    expect(bench.decrees).toEqual(["+0 "]);
    expect(bench.decide()).toEqual(["apply 1 +0  [a+b+c]"]);
    bench.submit(1, "x");
    expect(bench.decide()).toEqual(["apply 2 +0 x"]);
    bench.lead("b");
    bench.consensus.window = 0;
    bench.lead("a");
    bench.submit(2, "y");
    bench.consensus.window = 1;
    bench.submit(3, "z");
    expect(bench.decide()).toEqual(["apply 3 +0 y,z [a+b+c]"]);
  });

  it("does not hold what a snapshot made void: own decrees within it are unknown, those after it are answered", () => {
    const bench = new Bench();
    bench.reign();
    bench.submit(1, "x");
    bench.submit(2, "y");
    bench.decide();
    bench.decide();
    const membership = createMembership(["a", "b", "c"]);
    expect(bench.input({ kind: "install", number: 2, membership })).toEqual(["reply 1 unknown"]);
    expect(bench.applied(3, "Y")).toEqual(["reply 2 result Y"]);
  });

  /** Decides on a reconfiguration with `a` in it: the leader is to be elected anew. */
  const between = (): Bench => {
    const bench = new Bench();
    bench.reign();
    bench.consensus.status = { ...bench.consensus.status, progress: new Map([["b", 1]]) };
    const payload = encodeReconfigure({ remove: "c" });
    bench.input({ kind: "submit", token: 100, commands: [{ ...command("reconfigure"), payload }] });
    bench.hear(bench.consensus.confirmed(1));
    bench.submit(101, "waits");
    bench.endLegislature();
    return bench;
  };

  it("between two legislatures: commands wait for the next, for a while", () => {
    const bench = between();
    expect([bench.submit(1, "too"), bench.read(2, "r")]).toEqual([[], []]);
    bench.lead("a");
    expect(bench.decrees).toEqual(["+0 waits,too"]);
    expect(bench.consensus.confirming.length).toBe(1);
    expect(bench.input({ kind: "timer", name: "log/grace", random: 0 }), "too late to matter").toEqual([]);
    const late = between();
    expect(late.input({ kind: "timer", name: "log/grace", random: 0 })).toEqual(["reply 101 notLeader -"]);
    expect(late.submit(1, "x")).toEqual(["reply 1 notLeader -"]);
  });

  it("between two legislatures: another is elected", () => {
    const bench = between();
    expect(bench.lead("b")).toEqual(["reply 101 notLeader b", "leader b"]);
    expect(bench.applied(2).map((each) => each.slice(0, 16))).toEqual(["reply 100 result"]);
  });

  it("decided in the very step that ends its reign: its own is answered, another's under its number is not", () => {
    const bench = new Bench();
    bench.reign();
    bench.submit(1, "x");
    bench.submit(2, "y");
    const [own, lost] = [bench.consensus.decided(), bench.consensus.decided()];
    const other = { ...lost, value: own.value };
    const copy = { ...own, value: own.value.slice() };
    bench.consensus.status = { ...bench.consensus.status, leader: "b", role: "follower" };
    expect(bench.hear({ kind: "leader", leader: "b" }, copy, other)).toEqual([
      "apply 2 +0 x",
      "reply 2 unknown",
      "apply 3 +0 x",
      "leader b",
    ]);
    expect(bench.applied(2, "X")).toEqual(["reply 1 result X"]);
    expect(bench.applied(3, "X")).toEqual([]);
  });

  it("a decree of the same commands by another member is not its own: two clients never share a session", () => {
    const bench = new Bench();
    bench.reign();
    bench.input({ kind: "submit", token: 1, commands: [command("register")] });
    const { value, ...own } = bench.consensus.decided();
    const foreign = encodeDecree({ ...decodeDecree(value), proposer: "b" });
    bench.consensus.status = { ...bench.consensus.status, leader: "b", role: "follower" };
    expect(bench.hear({ ...own, value: foreign }, { kind: "leader", leader: "b" })[0]).toBe("reply 1 unknown");
  });

  it("a candidate that has not led takes nothing", () => {
    const bench = new Bench();
    bench.lead("b");
    bench.lead(undefined, "candidate");
    expect(bench.submit(1, "x")).toEqual(["reply 1 notLeader -"]);
  });

  it("takes up from a snapshot below what it had applied, as a repair in place does", () => {
    const bench = new Bench();
    bench.reign();
    bench.submit(1, "x");
    const decided = bench.consensus.decided();
    bench.hear(decided);
    bench.applied(2, "X");
    const membership = createMembership(["a", "b", "c"]);
    bench.input({ kind: "install", number: 1, membership });
    bench.read(2, "r");
    expect(bench.hear(bench.consensus.confirmed(2))).toEqual([]);
    expect(bench.hear(decided)).toEqual(["apply 2 +0 x"]);
    expect(bench.applied(2, "X")).toEqual(["query 2 r"]);
  });

  it("hands on what is the driver's", () => {
    const bench = new Bench();
    const outputs: ConsensusOutput[] = [
      { kind: "persist", record: bytes("r") },
      { kind: "send", to: "all", bytes: bytes("m"), afterPersist: true },
      { kind: "read", token: 1, seqs: [1] },
      { kind: "timer", name: "any", atMs: 5 },
      { kind: "trimmed", beforeSeq: 2, afterPersist: true },
      { kind: "behind", from: "b" },
    ];
    expect(bench.hear(...outputs)).toEqual(outputs.map(({ kind }) => kind));
  });

  it("between two legislatures that another has made: what it had in flight is unknown when it leads again", () => {
    const bench = new Bench();
    bench.reign();
    bench.submit(1, "lost");
    const membership = createMembership(["a", "b"], 2);
    bench.consensus.status = { ...bench.consensus.status, membership, leader: undefined, role: "follower" };
    expect(bench.hear({ kind: "leader", leader: undefined })).toEqual(["timer", "leader -"]);
    expect(bench.lead("a")).toEqual(["reply 1 unknown", "leader a"]);
  });
});
