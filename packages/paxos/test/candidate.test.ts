import { describe, expect, it } from "vitest";
import { member } from "./roles.ts";
import type { Transcript } from "./transcript.ts";

/** Follows `a`, which it has heard at 0 ms, and then after each of these gaps. */
function follower(...gapsMs: readonly number[]): Transcript {
  const b = member("b");
  b.run("a: heartbeat ballot=1.a round=1");
  for (const [at, gapMs] of gapsMs.entries()) b.run(`wait ${gapMs}\na: heartbeat ballot=1.a round=${at + 2}`);
  return b;
}

const timer = (one: Transcript, waitMs: number, random: number): string => {
  one.nowMs += waitMs;
  return one.timer("election", random);
};

describe("follower", () => {
  it("draws once for each silence how long it waits", () => {
    const b = follower();
    expect(timer(b, 100, 0.5)).toContain("timer election +260");
    // 320 ms, and an eighth of it: not what is drawn now.
    expect(timer(b, 259, 0.9)).toContain("timer election +1");
    expect(timer(b, 1, 0.9)).toContain("to all: probe");
    const again = follower(80);
    timer(again, 100, 0);
    again.run("a: heartbeat ballot=1.a round=3");
    expect(timer(again, 220, 1)).toContain("timer election +180");
  });

  it("waits twice as long as the longest gap with which it lately heard this leader, up to 1.6 times as long as else", () => {
    expect(timer(follower(80, 160, 80), 1, 0)).toContain("timer election +319");
    expect(timer(follower(80, 200, 80), 1, 0)).toContain("timer election +398");
    expect(timer(follower(80, 300, 80), 1, 0)).toContain("timer election +511");
    // Time takes it away, another leader at once.
    expect(timer(follower(200, ...Array.from({ length: 200 }, () => 80)), 1, 0)).toContain("timer election +319");
    const b = follower(300);
    b.run("wait 350\nc: heartbeat ballot=2.c round=1");
    expect(timer(b, 1, 0)).toContain("timer election +319");
  });

  it("gives a leader time when its own timer was late, once", () => {
    const b = follower();
    expect(timer(b, 100, 0)).toContain("timer election +220");
    expect(timer(b, 261, 0)).toBe("timer election\n----\ntimer election +40");
    expect(timer(b, 100, 0)).toContain("to all: probe");
    const c = follower();
    timer(c, 100, 0);
    timer(c, 261, 0);
    c.run("a: heartbeat ballot=1.a round=2");
    // It was heard, with a gap: so it is waited for longer, and may be late again.
    expect(timer(c, 40, 0)).toContain("timer election +472");
    expect(timer(c, 513, 0)).toContain("timer election +40");
  });
});

describe("candidate", () => {
  it("asks first who would have it, then promises itself, and only then asks for promises", () => {
    expect(
      member("a").run(`
        timer election
        wait 600
        timer election
        b: probeOk promised=2.c
        c: probeOk promised=2.c`),
    ).toMatchInlineSnapshot(`
      "timer election
      ----
      timer election +320

      wait 600

      timer election
      ----
      timer election +80
      to all: probe chosen=0
      timer election +80

      b: probeOk promised=2.c
      ----
      persist promised ballot=3.a
      when durable, to a: prepareOk ballot=3.a chosen=0 entries=[] more=false
      when durable, to all: prepare ballot=3.a from=1

      c: probeOk promised=2.c
      ----"
    `);
  });

  it("proposes again what a quorum told, by the highest ballot", () => {
    expect(
      member("a").run(`
        wait 600
        timer election
        b: probeOk
        a: prepareOk ballot=1.a entries=[1:0.c:new]
        b: prepareOk ballot=1.a entries=[1:0.b:old] more=true
        b: prepareOk ballot=1.a entries=[2:0.b:z]`),
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

      a: prepareOk ballot=1.a entries=[1:0.c:new]
      ----

      b: prepareOk ballot=1.a entries=[1:0.b:old] more=true
      ----
      to b: prepare ballot=1.a from=2

      b: prepareOk ballot=1.a entries=[2:0.b:z]
      ----
      leader a
      timer election off
      timer learn off
      timer resend +100
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=new
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 chosen=0 value=new
      persist accepted ballot=1.a number=2 chosen=0 legislature=1 value=z
      when durable, to a: acceptOk ballot=1.a number=2
      to all: accept ballot=1.a number=2 chosen=0 value=z
      to all: heartbeat ballot=1.a chosen=0 round=1
      timer heartbeat +80"
    `);
  });

  it("P2 carries its own id in every ballot, above a foreign one that refused it", () => {
    expect(
      member("a").run(`
        wait 600
        timer election
        b: probeOk
        c: refused promised=7.c
        wait 1000
        timer election
        b: probeOk promised=7.c`),
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

      c: refused promised=7.c
      ----
      timer election +160

      wait 1000

      timer election
      ----
      timer election +80
      to all: probe chosen=0
      timer election +160

      b: probeOk promised=7.c
      ----
      persist promised ballot=8.a
      when durable, to a: prepareOk ballot=8.a chosen=0 entries=[] more=false
      when durable, to all: prepare ballot=8.a from=1"
    `);
  });

  it("learns what one of its quorum knows to be chosen before it leads", () => {
    expect(
      member("a").run(`
        wait 600
        timer election
        b: probeOk
        a: prepareOk ballot=1.a
        b: prepareOk ballot=1.a chosen=2
        b: learnReply from=1 values=[x,y] chosen=2`),
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

      b: prepareOk ballot=1.a chosen=2
      ----
      to b: learnRequest from=1
      timer learn +100

      b: learnReply from=1 values=[x,y] chosen=2
      ----
      persist learned number=1 value=x
      decided 1 x
      persist learned number=2 value=y
      decided 2 y
      timer learn off
      leader a
      timer election off
      timer learn off
      timer resend +100
      to all: heartbeat ballot=1.a chosen=2 round=1
      timer heartbeat +80"
    `);
  });
});
