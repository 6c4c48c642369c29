import { describe, expect, it } from "vitest";
import { OPEN_ENTRIES_MAX } from "../src/config.ts";
import { leader, member, reborn } from "./roles.ts";

describe("accepts are contiguous", () => {
  it("what comes before its predecessor waits, at most alpha of them, and is drained in order", () => {
    expect(
      member("b", ["a", "b", "c"], { alpha: 2 }).run(`
        a: accept ballot=1.a number=3 value=z
        a: accept ballot=1.a number=2 value=y
        a: accept ballot=1.a number=4 value=dropped
        a: accept ballot=1.a number=1 value=x
        a: accept ballot=1.a number=4 value=again`),
    ).toMatchInlineSnapshot(`
      "a: accept ballot=1.a number=3 value=z
      ----
      leader a

      a: accept ballot=1.a number=2 value=y
      ----

      a: accept ballot=1.a number=4 value=dropped
      ----

      a: accept ballot=1.a number=1 value=x
      ----
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1
      persist accepted ballot=1.a number=2 chosen=0 legislature=1 value=y
      when durable, to a: acceptOk ballot=1.a number=2
      persist accepted ballot=1.a number=3 chosen=0 legislature=1 value=z
      when durable, to a: acceptOk ballot=1.a number=3

      a: accept ballot=1.a number=4 value=again
      ----
      persist accepted ballot=1.a number=4 chosen=0 legislature=1 value=again
      when durable, to a: acceptOk ballot=1.a number=4"
    `);
  });

  it("a predecessor of another ballot does not do", () => {
    expect(
      member("b").run(`
        a: accept ballot=1.a number=1 value=x
        c: accept ballot=2.c number=2 value=y
        c: accept ballot=2.c number=1 value=other`),
    ).toMatchInlineSnapshot(`
      "a: accept ballot=1.a number=1 value=x
      ----
      leader a
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1

      c: accept ballot=2.c number=2 value=y
      ----
      leader c

      c: accept ballot=2.c number=1 value=other
      ----
      persist accepted ballot=2.c number=1 chosen=0 legislature=1 value=other
      when durable, to c: acceptOk ballot=2.c number=1
      persist accepted ballot=2.c number=2 chosen=0 legislature=1 value=y
      when durable, to c: acceptOk ballot=2.c number=2"
    `);
  });

  it("the leader's word that all below is chosen does", () => {
    expect(member("b").run("a: accept ballot=1.a number=3 chosen=2 value=z")).toMatchInlineSnapshot(`
      "a: accept ballot=1.a number=3 chosen=2 value=z
      ----
      leader a
      persist accepted ballot=1.a number=3 chosen=0 legislature=1 value=z
      when durable, to a: acceptOk ballot=1.a number=3
      to a: learnRequest from=1
      timer learn +100"
    `);
  });

  it("what waits is void once a higher ballot is promised, or accepted", () => {
    const b = member("b");
    b.run(`a: accept ballot=1.a number=2 value=old
           c: prepare ballot=2.c from=1`);
    expect(b.run("c: accept ballot=2.c number=1 value=x").match(/persist.*/g)).toHaveLength(1);
    const other = member("b");
    other.run("a: accept ballot=1.a number=2 value=old");
    expect(other.run("c: accept ballot=2.c number=1 value=x").match(/persist.*/g)).toHaveLength(1);
    // Not drained by an old leader either: its ballot is below.
    expect(other.run("a: accept ballot=1.a number=1 value=x")).toContain("refused promised=2.c");
  });

  it("what waits for nothing any more makes room", () => {
    const b = member("b", ["a", "b", "c"], { alpha: 1 });
    b.run(`a: accept ballot=1.a number=2 value=y
           a: accept ballot=1.a number=2 chosen=1 value=y
           a: heartbeat ballot=1.a chosen=2 round=1
           a: learnReply from=1 values=[x,y] chosen=2`);
    expect(b.core.status.chosen).toBe(2);
    b.run("a: accept ballot=1.a number=4 value=w");
    expect(b.run("a: accept ballot=1.a number=3 chosen=2 value=z").match(/to a: acceptOk.*/g)).toEqual([
      "to a: acceptOk ballot=1.a number=3",
      "to a: acceptOk ballot=1.a number=4",
    ]);
  });

  it("what waits is not durable, and was not answered: a restart forgets it", () => {
    const b = member("b");
    b.run("a: accept ballot=1.a number=2 value=y");
    const again = reborn("b", b.journal);
    const told = again.run("a: accept ballot=1.a number=1 value=x");
    expect(told.match(/persist.*/g)).toEqual(["persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x"]);
  });

  it("L6 who is full takes nothing that it does not hold, learns nothing, does not stand, and goes on when there is room", () => {
    const b = member("b");
    b.run("a: accept ballot=1.a number=1 value=x");
    b.core.step({ kind: "full", isFull: true }, b.nowMs);
    expect(b.run("a: accept ballot=1.a number=1 value=x")).toContain("acceptOk ballot=1.a number=1");
    expect(b.run("a: accept ballot=1.a number=2 chosen=1 value=y")).not.toContain("persist");
    expect(b.run("a: heartbeat ballot=1.a chosen=2 round=1")).not.toContain("learnRequest");
    expect(b.run("a: heartbeat ballot=1.a chosen=2 round=2")).toContain("granted=true");
    expect(b.run("a: learnReply from=2 values=[y] chosen=2")).not.toContain("persist");
    expect(b.run("wait 2000\ntimer election\nwait 2000\ntimer election")).not.toContain("probe");
    b.core.step({ kind: "full", isFull: false }, b.nowMs);
    expect(b.run("timer learn")).toContain("learnRequest from=2");
    expect(b.run("a: learnReply from=2 values=[y] chosen=2")).toContain("decided 2 y");
    const a = leader();
    a.core.step({ kind: "full", isFull: true }, a.nowMs);
    expect(a.core.canPropose).toBe(false);
  });

  it("L6 what an acceptor keeps that nobody has told it is chosen stays below twice the threshold", () => {
    const thresholdBytes = 64 * 1024;
    const b = member("b", undefined, { openBytesMax: thresholdBytes / 2 });
    const value = "v".repeat(2_000);
    // Decree 1 is lost on the way, again and again, and all the others come.
    for (let number = 2; number <= 200; number++)
      b.run(`a: accept ballot=1.a number=${number} chosen=${number - 1} value=${value}`);
    const keptBytes = (): number => b.journal.records.reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(keptBytes()).toBeGreaterThan(thresholdBytes / 4);
    expect(keptBytes()).toBeLessThan(2 * thresholdBytes);
  });

  it("a member that lags holds so many open decrees and no more, but the next one always", () => {
    const b = member("b");
    for (let number = 2; number <= OPEN_ENTRIES_MAX + 1; number++)
      b.run(`a: accept ballot=1.a number=${number} chosen=${number - 1} value=v`);
    const beyond = `a: accept ballot=1.a number=${OPEN_ENTRIES_MAX + 2} chosen=${OPEN_ENTRIES_MAX + 1} value=v`;
    expect(b.run(beyond)).not.toContain("persist");
    expect(b.run("a: accept ballot=1.a number=1 value=x")).toContain("acceptOk ballot=1.a number=1");
    expect(b.core.status.chosen).toBe(OPEN_ENTRIES_MAX + 1);
    expect(b.run(beyond)).toContain("acceptOk");
  });
});
