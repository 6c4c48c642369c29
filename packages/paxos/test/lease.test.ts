import { describe, expect, it } from "vitest";
import { leader, member, reborn } from "./roles.ts";
import type { Transcript } from "./transcript.ts";

const FIVE = ["a", "b", "c", "d", "e"];

/** `a` of three, with a lease from 600 to 880 ms. */
function leased(): Transcript {
  const a = leader();
  a.run("b: heartbeatOk ballot=1.a round=1 granted=true");
  expect(a.core.status.leased).toBe(true);
  return a;
}

describe("acceptor's grant", () => {
  it("while it lasts, another's Probe and Prepare are not answered, nor its ballot recorded", () => {
    expect(
      member("b").run(`
        a: heartbeat ballot=1.a round=1
        c: probe
        c: prepare ballot=2.c from=1
        a: accept ballot=1.a number=1 value=x
        a: prepare ballot=3.a from=2
        wait 309
        c: prepare ballot=4.c from=1
        wait 1
        c: prepare ballot=4.c from=1`),
    ).toMatchInlineSnapshot(`
      "a: heartbeat ballot=1.a round=1
      ----
      leader a
      to a: heartbeatOk ballot=1.a round=1 granted=true chosen=0

      c: probe
      ----

      c: prepare ballot=2.c from=1
      ----

      a: accept ballot=1.a number=1 value=x
      ----
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1

      a: prepare ballot=3.a from=2
      ----
      persist promised ballot=3.a
      when durable, to a: prepareOk ballot=3.a chosen=0 entries=[] more=false

      wait 309

      c: prepare ballot=4.c from=1
      ----

      wait 1

      c: prepare ballot=4.c from=1
      ----
      persist promised ballot=4.c
      when durable, to c: prepareOk ballot=4.c chosen=0 entries=[1:1.a:x] more=false"
    `);
  });

  it("is given to one at a time, and again to the same", () => {
    expect(
      member("b").run(`
        a: heartbeat ballot=1.a round=1
        wait 300
        c: heartbeat ballot=2.c round=1
        a: heartbeat ballot=1.a round=2
        wait 100
        c: probe`),
    ).toMatchInlineSnapshot(`
      "a: heartbeat ballot=1.a round=1
      ----
      leader a
      to a: heartbeatOk ballot=1.a round=1 granted=true chosen=0

      wait 300

      c: heartbeat ballot=2.c round=1
      ----
      leader c
      to c: heartbeatOk ballot=2.c round=1 granted=false chosen=0

      a: heartbeat ballot=1.a round=2
      ----
      leader a
      to a: heartbeatOk ballot=1.a round=2 granted=true chosen=0

      wait 100

      c: probe
      ----"
    `);
  });

  it("of an earlier life may last: for a stretched lease nothing is promised nor granted after a restart", () => {
    const b = member("b");
    b.run("a: heartbeat ballot=1.a round=1");
    const again = reborn("b", b.journal);
    again.greet("a", "c");
    expect(
      again.run(`
        c: probe
        c: prepare ballot=2.c from=1
        a: heartbeat ballot=1.a round=7
        wait 552
        c: prepare ballot=2.c from=1
        timer election
        wait 1
        c: prepare ballot=2.c from=1
        c: heartbeat ballot=2.c round=1`),
    ).toMatchInlineSnapshot(`
      "c: probe
      ----

      c: prepare ballot=2.c from=1
      ----

      a: heartbeat ballot=1.a round=7
      ----
      leader a
      to a: heartbeatOk ballot=1.a round=7 granted=false chosen=0

      wait 552

      c: prepare ballot=2.c from=1
      ----

      timer election
      ----
      timer election +1

      wait 1

      c: prepare ballot=2.c from=1
      ----
      persist promised ballot=2.c
      when durable, to c: prepareOk ballot=2.c chosen=0 entries=[] more=false

      c: heartbeat ballot=2.c round=1
      ----
      leader c
      to c: heartbeatOk ballot=2.c round=1 granted=true chosen=0"
    `);
  });

  it("is as long as is asked for, stretched, up to grantMsMax; a shorter one ends none before it", () => {
    const b = member("b");
    b.run("a: heartbeat ballot=1.a round=1 leaseMs=400\na: heartbeat ballot=1.a round=2 leaseMs=100");
    expect(b.run("wait 442\nc: probe")).not.toContain("probeOk");
    expect(b.run("wait 1\nc: probe")).toContain("probeOk");
    expect(b.run("a: heartbeat ballot=1.a round=3 leaseMs=501")).toContain("granted=false");
    expect(b.run("c: probe")).toContain("probeOk");
    expect(b.run("a: heartbeat ballot=1.a round=4 leaseMs=500")).toContain("granted=true");
  });

  it("to itself ends when a leader gives way: nobody has to wait for a lease that it does not use any more", () => {
    const a = leased();
    expect(a.run("b: prepare ballot=2.b from=1")).not.toContain("prepareOk");
    a.run("b: refused promised=2.b");
    expect(a.run("b: prepare ballot=2.b from=1")).toContain("to b: prepareOk ballot=2.b");
  });

  it("there is nothing to wait for in the first life", () => {
    expect(member("b").run("a: heartbeat ballot=1.a round=1")).toContain("granted=true");
  });
});

describe("leader's lease", () => {
  it("is counted from asking, however late the grants come", () => {
    const a = leader();
    a.run("wait 279\nb: heartbeatOk ballot=1.a round=1 granted=true");
    expect(a.core.status.leased).toBe(true);
    expect(a.run("confirm 1")).toContain("confirmed #1 up to 0");
    expect(a.run("wait 1\nconfirm 2")).toContain("heartbeat ballot=1.a chosen=0 round=2");
    expect(a.core.status.leased).toBe(false);
  });

  it("an answer to an old round does not shorten it", () => {
    const a = leased();
    a.run(`wait 120
           timer heartbeat
           b: heartbeatOk ballot=1.a round=2 granted=true
           c: heartbeatOk ballot=1.a round=1 granted=true
           wait 279
           timer resend`);
    expect(a.core.status.leased).toBe(true);
  });

  it("P6 takes grants of a quorum: not one acceptor's again and again, nor answers without a grant", () => {
    const a = leader(FIVE);
    a.greet("d", "e");
    a.run("b: heartbeatOk ballot=1.a round=1 granted=true\n".repeat(10));
    a.run("c: heartbeatOk ballot=1.a round=1 granted=false");
    expect(a.core.status.leased).toBe(false);
    a.run("d: heartbeatOk ballot=1.a round=1 granted=true");
    expect(a.core.status.leased).toBe(true);
  });

  it("is none while a stop sign is in flight: the next legislature may have begun", () => {
    const a = leased();
    a.run("reconfigure a+b+d");
    expect(a.core.status.leased).toBe(false);
    expect(a.run("confirm 1")).toContain("unconfirmed #1");
    a.run("b: heartbeatOk ballot=1.a round=1 granted=true");
    expect(a.core.status.leased).toBe(false);
  });

  it("ends with the reign", () => {
    const a = leased();
    a.run("c: refused promised=2.c");
    expect(a.core.status.leased).toBe(false);
    expect(a.run("confirm 1")).toContain("unconfirmed #1");
  });

  it("L11 a restarted leader assumes no lease it held before", () => {
    const a = leased();
    const again = reborn("a", a.journal, 0, {}, a.nowMs);
    again.greet("b", "c");
    expect(again.core.status).toMatchObject({ role: "follower", leased: false });
    expect(again.run("confirm 1")).toContain("unconfirmed #1");
    // Nor by what is said to its old reign; nor does it stand, or promise itself, before a lease granted by itself lapses.
    expect(
      again.run(`
        b: heartbeatOk ballot=1.a round=1 granted=true
        timer election
        wait 560
        timer election
        b: probeOk promised=1.a
        a*2: prepareOk ballot=2.a
        b: prepareOk ballot=2.a
        b: heartbeatOk ballot=1.a round=1 granted=true`),
    ).toContain("leader a");
    expect(again.core.status).toMatchObject({ role: "leader", leased: false });
    again.run("b: heartbeatOk ballot=2.a round=1 granted=true");
    expect(again.core.status.leased).toBe(true);
  });
});

describe("who is alone", () => {
  it("L11 leads at once after a restart, without the lease it held, and confirms reads by itself", () => {
    const a = member("a", ["a"]);
    a.run("timer election\na: prepareOk ballot=1.a");
    expect(a.core.status).toMatchObject({ role: "leader", leased: true });
    const again = reborn("a", a.journal);
    again.run("timer election\na*2: prepareOk ballot=2.a");
    expect(again.core.status).toMatchObject({ role: "leader", leased: false });
    expect(again.run("confirm 1")).toContain("confirmed #1 up to 0");
  });
});
