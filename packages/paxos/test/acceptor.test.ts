import { describe, expect, it } from "vitest";
import { member } from "./roles.ts";

describe("acceptor", () => {
  it("promises, accepts, and tells what it accepted; nothing of it before it is durable", () => {
    expect(
      member("b").run(`
        a: probe
        a: prepare ballot=1.a from=1
        a: accept ballot=1.a number=1 value=x
        wait 600
        c: prepare ballot=2.c from=1`),
    ).toMatchInlineSnapshot(`
      "a: probe
      ----
      to a: probeOk promised=0.-

      a: prepare ballot=1.a from=1
      ----
      persist promised ballot=1.a
      when durable, to a: prepareOk ballot=1.a chosen=0 entries=[] more=false

      a: accept ballot=1.a number=1 value=x
      ----
      leader a
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1

      wait 600

      c: prepare ballot=2.c from=1
      ----
      persist promised ballot=2.c
      when durable, to c: prepareOk ballot=2.c chosen=0 entries=[1:1.a:x] more=false"
    `);
  });

  it("takes for chosen what was accepted in the ballot of the leader who says so, and learns the rest", () => {
    expect(
      member("b").run(`
        a: accept ballot=1.a number=1 value=x
        c: accept ballot=2.c number=2 value=other chosen=1
        c: heartbeat ballot=2.c chosen=3 round=1
        c: learnReply from=1 values=[x,y,z] chosen=3`),
    ).toMatchInlineSnapshot(`
      "a: accept ballot=1.a number=1 value=x
      ----
      leader a
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1

      c: accept ballot=2.c number=2 value=other chosen=1
      ----
      leader c
      persist accepted ballot=2.c number=2 chosen=0 legislature=1 value=other
      when durable, to c: acceptOk ballot=2.c number=2
      to c: learnRequest from=1
      timer learn +100

      c: heartbeat ballot=2.c chosen=3 round=1
      ----
      to c: heartbeatOk ballot=2.c round=1 granted=true chosen=0

      c: learnReply from=1 values=[x,y,z] chosen=3
      ----
      persist learned number=1 value=x
      decided 1 x
      persist learned number=2 value=y
      decided 2 y
      persist learned number=3 value=z
      decided 3 z
      timer learn off"
    `);
  });

  it("that has just promised somebody else does not encourage another to stand", () => {
    const b = member("b");
    b.run("a: prepare ballot=1.a from=1");
    expect(b.run("wait 79\nc: probe")).not.toContain("probeOk");
    expect(b.run("a: probe")).toContain("to a: probeOk");
    // What is asked for all the same has to be answered.
    expect(b.run("c: prepare ballot=2.c from=1")).toContain("to c: prepareOk ballot=2.c");
    expect(b.run("wait 80\na: probe")).toContain("to a: probeOk");
  });

  it("P2 refuses a lower ballot, naming the higher one", () => {
    expect(
      member("b").run(`
        c: prepare ballot=5.c from=1
        a: prepare ballot=4.a from=1
        a: accept ballot=5.a number=1 value=x
        a: heartbeat ballot=4.a round=1`),
    ).toMatchInlineSnapshot(`
      "c: prepare ballot=5.c from=1
      ----
      persist promised ballot=5.c
      when durable, to c: prepareOk ballot=5.c chosen=0 entries=[] more=false

      a: prepare ballot=4.a from=1
      ----
      to a: refused promised=5.c

      a: accept ballot=5.a number=1 value=x
      ----
      to a: refused promised=5.c

      a: heartbeat ballot=4.a round=1
      ----
      to a: refused promised=5.c"
    `);
  });
});
