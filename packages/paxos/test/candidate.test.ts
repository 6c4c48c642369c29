import { describe, expect, it } from "vitest";
import { member } from "./roles.ts";

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
      timer election +560

      wait 600

      timer election
      ----
      timer election +140
      to all: probe chosen=0
      timer election +140

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
      timer election +140
      to all: probe chosen=0
      timer election +140

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
      timer heartbeat +120"
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
      timer election +140
      to all: probe chosen=0
      timer election +140

      b: probeOk
      ----
      persist promised ballot=1.a
      when durable, to a: prepareOk ballot=1.a chosen=0 entries=[] more=false
      when durable, to all: prepare ballot=1.a from=1

      c: refused promised=7.c
      ----
      timer election +280

      wait 1000

      timer election
      ----
      timer election +140
      to all: probe chosen=0
      timer election +280

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
      timer election +140
      to all: probe chosen=0
      timer election +140

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
      timer heartbeat +120"
    `);
  });
});
