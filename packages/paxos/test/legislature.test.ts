import { describe, expect, it } from "vitest";
import { inSecond, leader, member, reborn } from "./roles.ts";

describe("stop sign", () => {
  it("ends a legislature: nothing is proposed behind it; once chosen, who led goes first in the next", () => {
    expect(
      leader().run(`
        propose x
        reconfigure d+b+a
        propose dropped
        reconfigure a+b
        a: acceptOk ballot=1.a number=1
        b: acceptOk ballot=1.a number=1
        a: acceptOk ballot=1.a number=2
        b: acceptOk ballot=1.a number=2
        timer election
        d: hello chosen=2
        a: prepareOk ballot=2.a chosen=2
        c: prepareOk ballot=2.a chosen=2
        d: prepareOk ballot=2.a chosen=2`),
    ).toMatchInlineSnapshot(`
      "propose x
      ----
      proposed 1
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 chosen=0 value=x

      reconfigure d+b+a
      ----
      proposed 2
      persist accepted ballot=1.a number=2 chosen=0 legislature=1 value= members=a+b+d
      when durable, to a: acceptOk ballot=1.a number=2
      to all: accept ballot=1.a number=2 chosen=0 value= members=a+b+d

      propose dropped
      ----

      reconfigure a+b
      ----

      a: acceptOk ballot=1.a number=1
      ----

      b: acceptOk ballot=1.a number=1
      ----
      decided 1 x
      timer announce +5

      a: acceptOk ballot=1.a number=2
      ----
      timer announce +5

      b: acceptOk ballot=1.a number=2
      ----
      to all: heartbeat ballot=1.a chosen=2 round=1
      timer heartbeat off
      timer resend off
      timer announce off
      leader -
      timer election +320
      timer election +0
      timer tell +320
      decided 2 stop, then 2:a+b+d

      timer election
      ----
      timer election +80
      persist promised ballot=2.a
      when durable, to a in 2: prepareOk ballot=2.a chosen=2 entries=[] more=false
      when durable, to all in 2: prepare ballot=2.a from=3

      d: hello chosen=2
      ----
      when durable, to d in 2: prepare ballot=2.a from=3

      a: prepareOk ballot=2.a chosen=2
      ----

      c: prepareOk ballot=2.a chosen=2
      ----
      to c in 2: hello promised=0.- accepted=0 chosen=2 ask=true

      d: prepareOk ballot=2.a chosen=2
      ----
      leader a
      timer election off
      timer learn off
      timer resend +100
      to all in 2: heartbeat ballot=2.a chosen=2 round=1
      timer heartbeat +80"
    `);
  });

  it("the window is shut behind it", () => {
    const a = leader();
    a.run("reconfigure a+b+d");
    expect(a.core.canPropose).toBe(false);
    expect(a.core.status.inFlight).toBe(1);
  });

  it("names a list that can make a group, in the one order that all write down", () => {
    const a = leader();
    expect(() => a.run("reconfigure a+a")).toThrow(/named twice/);
    expect(a.core.canPropose).toBe(true);
    a.run("reconfigure c+b+a");
    expect(a.run("a: acceptOk ballot=1.a number=1\nb: acceptOk ballot=1.a number=1")).toContain("2:a+b+c");
  });

  it("a candidate that finds one drops what lower ballots have behind it", () => {
    expect(
      member("a").run(`
        wait 600
        timer election
        b: probeOk
        a: prepareOk ballot=1.a
        b: prepareOk ballot=1.a entries=[1:0.b:x,2:0.c:stop(a+b+d),3:0.b:void,4:0.a:void]`),
    ).toMatchInlineSnapshot(`
      "wait 600

      timer election
      ----
      timer election +80
      to all: probe chosen=0
      timer election +80

      b: probeOk
      ----
      persist promised ballot=1.a
      when durable, to a: prepareOk ballot=1.a chosen=0 entries=[] more=false
      when durable, to all: prepare ballot=1.a from=1

      a: prepareOk ballot=1.a
      ----

      b: prepareOk ballot=1.a entries=[1:0.b:x,2:0.c:stop(a+b+d),3:0.b:void,4:0.a:void]
      ----
      leader a
      timer election off
      timer learn off
      timer resend +100
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 chosen=0 value=x
      persist accepted ballot=1.a number=2 chosen=0 legislature=1 value= members=a+b+d
      when durable, to a: acceptOk ballot=1.a number=2
      to all: accept ballot=1.a number=2 chosen=0 value= members=a+b+d
      to all: heartbeat ballot=1.a chosen=0 round=1
      timer heartbeat +80"
    `);
  });

  it("is none if a higher ballot has another value in its place", () => {
    const a = member("a");
    a.run(`wait 600
           timer election
           b: probeOk
           a: prepareOk ballot=1.a entries=[1:0.b:stop(a+b+d)]
           b: prepareOk ballot=1.a entries=[1:0.c:x,2:0.c:y]`);
    expect(a.core.status).toMatchObject({ role: "leader", inFlight: 2 });
    expect(a.core.canPropose).toBe(true);
  });

  it("voids what an acceptor holds behind it", () => {
    const b = member("b");
    b.run(`a: accept ballot=1.a number=1 value=x
           a: accept ballot=1.a number=2 value=void
           c: accept ballot=2.c number=1 members=a+b+d
           c: heartbeat ballot=2.c chosen=1 round=1`);
    expect(b.run("a/2: prepare ballot=3.a from=1")).toContain("prepareOk ballot=3.a chosen=1 entries=[]");
    b.run("a: accept ballot=3.a number=3 chosen=2 value=y");
    const again = reborn("b", b.journal, 1);
    expect(again.core.status.membership).toEqual({ legislature: 2, members: ["a", "b", "d"] });
    expect(again.run("wait 600\nd: prepare ballot=4.d from=1")).toContain("chosen=1 entries=[3:3.a:y]");
  });

  it("what was granted before it is void: the next leader need not wait", () => {
    const b = inSecond("b");
    expect(b.run("d: prepare ballot=2.d from=2")).toContain("to d in 2: prepareOk ballot=2.d");
  });

  it("reads that wait for the old leader's word do not get it", () => {
    const a = leader();
    a.run("confirm 1\nreconfigure a+b+d");
    expect(a.run("a: acceptOk ballot=1.a number=1\nb: acceptOk ballot=1.a number=1")).toContain("unconfirmed #1");
  });

  it("who led goes first only as long as nobody else leads, and never with a ballot it has not promised", () => {
    const a = leader();
    a.run(`reconfigure a+b+d
           a: acceptOk ballot=1.a number=1
           b: acceptOk ballot=1.a number=1
           d: heartbeat ballot=2.d chosen=1 round=1`);
    expect(a.core.status).toMatchObject({ role: "follower", leader: "d" });
    expect(a.run("timer election")).not.toContain("prepare");
    // Nor later, when that one is silent: then like everybody.
    expect(a.run("timer election\nwait 320\ntimer election")).toContain("to all in 2: probe");
  });
});

describe("messages of another legislature", () => {
  it("a member behind, which says something of the old one, is told by hello", () => {
    const b = inSecond("b");
    const { refused } = b.core.status;
    expect(b.run("c/1: probe")).toMatchInlineSnapshot(`
      "c/1: probe
      ----
      to c in 2: hello promised=0.- accepted=0 chosen=1 ask=false"
    `);
    expect(b.run("c/1: prepare ballot=5.c from=1")).not.toContain("persist");
    expect(b.core.status.refused).toBe(refused + 2);
  });

  it("who hears that asks, and enters the next legislature by what it learns", () => {
    expect(
      member("c").run(`
        b/2: hello chosen=1
        b/2: learnReply from=1 values=[stop(a+b+d)] chosen=1`),
    ).toMatchInlineSnapshot(`
      "b/2: hello chosen=1
      ----
      to b: learnRequest from=1
      timer learn +100

      b/2: learnReply from=1 values=[stop(a+b+d)] chosen=1
      ----
      persist learned number=1 value= members=a+b+d
      timer election off
      timer tell +320
      decided 1 stop, then 2:a+b+d
      timer learn off"
    `);
  });

  it("a message of a newer one counts for nothing but the news", () => {
    expect(
      member("b").run(`
        a/2: prepare ballot=7.a from=3
        d/2: accept ballot=8.d number=3 chosen=2 value=y`),
    ).toMatchInlineSnapshot(`
      "a/2: prepare ballot=7.a from=3
      ----
      to a: learnRequest from=1
      timer learn +100

      d/2: accept ballot=8.d number=3 chosen=2 value=y
      ----"
    `);
  });

  it("votes given in the old one do not count in the next", () => {
    const a = leader();
    a.run(`reconfigure a+b+c
           a: acceptOk ballot=1.a number=1
           b: acceptOk ballot=1.a number=1
           timer election
           a: prepareOk ballot=2.a chosen=1
           b/1: prepareOk ballot=2.a`);
    expect(a.core.status.role).toBe("candidate");
    a.run("b/2: prepareOk ballot=2.a chosen=1");
    expect(a.core.status.role).toBe("leader");
    a.run(`propose x
           a: acceptOk ballot=2.a number=2
           b/1: acceptOk ballot=2.a number=2`);
    expect(a.core.status.chosen).toBe(1);
  });
});
