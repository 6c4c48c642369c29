import { describe, expect, it } from "vitest";
import { inSecond, joiner, leader, member, reborn } from "./roles.ts";

describe("a removed member", () => {
  it("is a learner: it promises, accepts and grants nothing any more, and goes on to hear what is chosen", () => {
    const c = inSecond("c");
    expect(c.core.status.role).toBe("learner");
    expect(
      c.run(`
        a: probe chosen=1
        a: prepare ballot=2.a from=2
        a: accept ballot=2.a number=2 chosen=1 value=y
        a: heartbeat ballot=2.a chosen=2 round=1
        a: learnReply from=2 values=[y] chosen=2
        wait 5000
        timer election`),
    ).toMatchInlineSnapshot(`
      "a: probe chosen=1
      ----

      a: prepare ballot=2.a from=2
      ----

      a: accept ballot=2.a number=2 chosen=1 value=y
      ----

      a: heartbeat ballot=2.a chosen=2 round=1
      ----
      leader a
      to a in 2: learnRequest from=2
      timer learn +100
      to a in 2: heartbeatOk ballot=2.a round=1 granted=false chosen=1

      a: learnReply from=2 values=[y] chosen=2
      ----
      persist learned number=2 value=y
      decided 2 y
      timer learn off

      wait 5000

      timer election
      ----"
    `);
  });

  it("is one after a restart too", () => {
    const c = inSecond("c");
    c.run("a: heartbeat ballot=2.a chosen=2 round=1\na: learnReply from=2 values=[y] chosen=2");
    const again = reborn("c", c.journal, 2);
    expect(again.core.status).toMatchObject({ role: "learner", membership: { legislature: 2 }, chosen: 2 });
    expect(again.run("wait 600\ntimer election\na: prepare ballot=2.a from=2")).not.toMatch(/probe |prepareOk/);
  });

  it("that has written nothing since has its seat back after a restart, is told by hello, and loses it again", () => {
    const again = reborn("c", inSecond("c").journal, 1);
    expect(again.core.status).toMatchObject({ role: "follower", membership: { legislature: 1 }, chosen: 0 });
    // What it votes for there is the same stop sign.
    expect(again.run("wait 600\nb: prepare ballot=2.b from=1")).toContain("entries=[1:1.a:stop(a+b+d)]");
    again.run("a/2: hello chosen=1\na/2: learnReply from=1 values=[stop(a+b+d)] chosen=1");
    expect(again.core.status).toMatchObject({ role: "learner", membership: { legislature: 2 } });
  });

  it("that led does not go first, nor stand", () => {
    const a = leader();
    a.run(`reconfigure b+c+d
           a: acceptOk ballot=1.a number=1
           b: acceptOk ballot=1.a number=1`);
    expect(a.core.status).toMatchObject({ role: "learner", leader: undefined });
    expect(a.run("wait 5000\ntimer election")).not.toContain("to all");
  });

  it("has no vote: what it says counts neither for a ballot, nor a decree, a lease or a read; only as progress", () => {
    const a = leader(["a", "b"]);
    a.greet("x");
    const { refused } = a.core.status;
    a.run(`propose v
           a: acceptOk ballot=1.a number=1
           x: acceptOk ballot=1.a number=1
           x: heartbeatOk ballot=1.a round=1 granted=true chosen=7`);
    expect(a.core.status).toMatchObject({ chosen: 0, leased: false, refused: refused + 1 });
    expect(a.core.status.progress.get("x")).toBe(7);
    a.run("x: refused promised=9.x");
    expect(a.core.status.role).toBe("leader");
  });

  it("that had promised more than its successors ever used still hears what is chosen, and says how far it is", () => {
    const c = member("c");
    c.run("b: prepare ballot=9.b from=1\na/2: hello chosen=1\na: learnReply from=1 values=[stop(a+b+d)] chosen=1");
    expect(c.core.status.role).toBe("learner");
    expect(c.run("a: heartbeat ballot=2.a chosen=1 round=3")).toContain(
      "heartbeatOk ballot=2.a round=3 granted=false chosen=1",
    );
  });
});

describe("joiner", () => {
  it("knows nobody: it asks whoever it hears of the group for the state, and takes the seat it finds for itself there", () => {
    const d = joiner("d");
    expect(d.core.status).toMatchObject({ role: "learner", membership: undefined });
    expect(
      d.run(`
        b/2: hello chosen=9
        a/2: heartbeat ballot=2.a chosen=9 round=1
        a/2: accept ballot=2.a number=10 chosen=9 value=y
        a/2: prepare ballot=3.a from=9
        timer learn
        install 9 2:a+b+d
        a: prepare ballot=3.a from=10`),
    ).toMatchInlineSnapshot(`
      "b/2: hello chosen=9
      ----
      behind, ask b
      timer learn +100

      a/2: heartbeat ballot=2.a chosen=9 round=1
      ----

      a/2: accept ballot=2.a number=10 chosen=9 value=y
      ----

      a/2: prepare ballot=3.a from=9
      ----

      timer learn
      ----
      behind, ask a
      timer learn +100

      install 9 2:a+b+d
      ----
      timer election +320
      persist base number=9 membership=2:a+b+d promised=0.- boot=1
      when durable, trim journal before 2
      timer learn off

      a: prepare ballot=3.a from=10
      ----
      persist promised ballot=3.a
      when durable, to a in 2: prepareOk ballot=3.a chosen=9 entries=[] more=false"
    `);
    expect(d.core.status).toMatchObject({ role: "follower", chosen: 9, trimmed: 9 });
  });

  it("stays a learner where it has no seat yet", () => {
    const d = joiner("d");
    d.run("a/1: hello chosen=9\ninstall 9 1:a+b+c");
    expect(d.core.status.role).toBe("learner");
    expect(d.run("a: prepare ballot=3.a from=10\ntimer election")).not.toMatch(/prepareOk|probe/);
    expect(d.run("a: heartbeat ballot=3.a chosen=9 round=1")).toContain("granted=false chosen=9");
  });

  it("has nothing to ask of another joiner", () => {
    const d = joiner("d");
    expect(d.run("e/0: hello")).not.toContain("behind");
    expect(d.run("a/1: hello")).toContain("behind, ask a");
  });
});
