import { createMembership } from "@halon/consensus";
import { describe, expect, it } from "vitest";
import { command } from "./commands.ts";
import { Bench } from "./scripted-consensus.ts";

describe("reads", () => {
  it("L1 are answered from a state that holds all that was decided before they came", () => {
    const bench = new Bench();
    bench.reign();
    bench.submit(1, "x");
    bench.decide();
    expect(bench.read(2, "r", "s")).toEqual([]);
    expect(bench.hear(bench.consensus.confirmed(2)), "confirmed, and decree 2 is not applied").toEqual([]);
    expect(bench.applied(2, "X")).toEqual(["reply 1 result X", "query 2 r,s"]);
    expect(bench.queried(2, "R", "S")).toEqual(["reply 2 result R,result S"]);
    expect(bench.log.status.waitingReads).toBe(0);
    expect(bench.decrees, "none rides in a decree").toEqual([]);
  });

  it("are asked at once under a lease", () => {
    const bench = new Bench();
    bench.reign();
    bench.consensus.status = { ...bench.consensus.status, leased: true };
    expect(bench.read(1, "r")).toEqual(["query 2 r"]);
  });

  it("gather while confirmations are under way, and share the next", () => {
    const bench = new Bench();
    bench.reign();
    for (let token = 1; token <= 5; token++) bench.read(token, `r${token}`);
    expect(bench.consensus.confirming.length).toBe(2);
    expect(bench.hear(bench.consensus.confirmed(1))).toEqual(["query 4 r1"]);
    expect(bench.consensus.confirming.length, "the third is for all that gathered").toBe(2);
    bench.hear(bench.consensus.confirmed(1));
    bench.hear(bench.consensus.confirmed(1));
    expect(bench.queried(4, "1"), "one query at a time").toEqual(["reply 1 result 1", "query 5 r2,r3,r4,r5"]);
    expect(bench.queried(5, "2", "3", "4", "5")).toEqual([2, 3, 4, 5].map((each) => `reply ${each} result ${each}`));
  });

  it("a later confirmation of an earlier number does not wait for an earlier one of a later", () => {
    const bench = new Bench();
    bench.reign();
    bench.read(1, "r");
    bench.read(2, "s");
    bench.hear(bench.consensus.confirmed(9));
    expect(bench.hear(bench.consensus.confirmed(1))).toEqual(["query 3 s"]);
    bench.queried(3, "S");
    expect(bench.applied(8)).toEqual([]);
    expect(bench.applied(9)).toEqual(["query 4 r"]);
  });

  it("and updates of one submission have one reply", () => {
    const bench = new Bench();
    bench.reign();
    const commands = [command("read", "r"), command("idempotent", "x"), command("stale", "s")];
    expect(bench.input({ kind: "submit", token: 1, commands })).toEqual(["query 2 s"]);
    expect(bench.queried(2, "S")).toEqual([]);
    bench.decide();
    expect(bench.applied(2, "X")).toEqual([]);
    expect(bench.hear(bench.consensus.confirmed(1))).toEqual(["query 3 r"]);
    expect(bench.queried(3, "R")).toEqual(["reply 1 result R,result X,result S"]);
  });

  it("stale ones are answered by anybody, from what is applied there", () => {
    const bench = new Bench();
    bench.lead("b");
    const commands = [command("stale", "s")];
    expect(bench.input({ kind: "submit", token: 1, commands })).toEqual(["query 1 s"]);
    expect(bench.input({ kind: "queried", token: 1, outcomes: [] }), "by a driver that cannot say").toEqual([
      "reply 1 unknown",
    ]);
    expect(bench.read(2, "r")).toEqual(["reply 2 notLeader b"]);
  });

  it("without confirmation are the next leader's; with it they are answered whoever leads", () => {
    const bench = new Bench();
    bench.reign();
    bench.read(1, "confirmed");
    bench.hear(bench.consensus.confirmed(5));
    bench.read(2, "asked");
    bench.read(3, "asked too");
    bench.read(4, "gathered");
    expect(bench.lead("b")).toEqual(["reply 2 notLeader b", "reply 3 notLeader b", "reply 4 notLeader b", "leader b"]);
    expect(bench.hear({ kind: "unconfirmed", token: 2 }, { kind: "confirmed", token: 3, number: 1 })).toEqual([]);
    expect(bench.applied(5)).toEqual(["query 4 confirmed"]);
    expect(bench.queried(4, "yes")).toEqual(["reply 1 result yes"]);
  });

  it("wait for the next legislature, and are confirmed in it", () => {
    const bench = new Bench();
    bench.reign();
    bench.read(1, "r");
    const token = bench.consensus.confirming.shift() ?? 0;
    const membership = createMembership(["a", "b"], 2);
    bench.consensus.status = { ...bench.consensus.status, membership, leader: undefined };
    expect(bench.hear({ kind: "unconfirmed", token }, { kind: "leader", leader: undefined })).toEqual([
      "timer",
      "leader -",
    ]);
    expect(bench.consensus.confirming).toEqual([]);
    bench.lead("a");
    expect(bench.hear(bench.consensus.confirmed(1))).toEqual(["query 3 r"]);
  });

  it("more than may wait are refused as busy: by number, and by bytes", () => {
    const bench = new Bench({ waitingReadsMax: 2 });
    bench.reign();
    expect(bench.read(1, "r", "s")).toEqual([]);
    expect(bench.read(2, "t")).toEqual(["reply 2 busy"]);
    bench.hear(bench.consensus.confirmed(1));
    bench.queried(2, "R", "S");
    expect(bench.read(3, "t")).toEqual([]);
    const narrow = new Bench({ waitingBytesMax: 100 });
    narrow.reign();
    narrow.read(1, "x".repeat(40));
    expect(narrow.read(2, "x")).toEqual(["reply 2 busy"]);
  });

  it("are asked for in pieces", () => {
    const bench = new Bench();
    bench.reign();
    bench.read(1, ...Array.from({ length: 600 }, () => "r"));
    const pieces: number[] = [];
    let asked = bench.hear(bench.consensus.confirmed(1))[0];
    while (asked?.startsWith("query")) {
      const [, token, payloads = ""] = asked.split(" ");
      const count = payloads.split(",").length;
      pieces.push(count);
      [asked] = bench.queried(Number(token), ...Array.from({ length: count }, () => "R"));
    }
    expect(pieces).toEqual([256, 256, 88]);
    expect(asked?.startsWith("reply 1 result R,")).toBe(true);
  });

  it("see a state that was installed meanwhile", () => {
    const bench = new Bench();
    bench.reign();
    bench.read(1, "r");
    bench.hear(bench.consensus.confirmed(40));
    const { membership } = bench.consensus.status;
    if (membership === undefined) throw new Error("no membership");
    expect(bench.input({ kind: "install", number: 50, membership })).toEqual(["query 2 r"]);
  });

  it("take up what was applied in an earlier life", () => {
    const bench = new Bench();
    bench.input({ kind: "start", applied: 7, random: 0 });
    bench.lead("a");
    bench.read(1, "r");
    expect(bench.hear(bench.consensus.confirmed(7))).toEqual(["query 2 r"]);
  });
});
