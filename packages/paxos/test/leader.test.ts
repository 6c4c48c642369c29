import { describe, expect, it } from "vitest";
import { leader } from "./roles.ts";

describe("leader", () => {
  it("passes a decree with one message to all, and announces it when there is no other to carry the news", () => {
    expect(
      leader().run(`
        propose x
        b: acceptOk ballot=1.a number=1
        a: acceptOk ballot=1.a number=1
        timer announce`),
    ).toMatchInlineSnapshot(`
      "propose x
      ----
      proposed 1
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 chosen=0 value=x

      b: acceptOk ballot=1.a number=1
      ----

      a: acceptOk ballot=1.a number=1
      ----
      decided 1 x
      timer announce +5

      timer announce
      ----
      to all: heartbeat ballot=1.a chosen=1 round=2"
    `);
  });

  it("decides in order, whatever the order of the answers", () => {
    expect(
      leader().run(`
        propose x
        propose y
        b: acceptOk ballot=1.a number=2
        c: acceptOk ballot=1.a number=2
        c: acceptOk ballot=1.a number=1
        b: acceptOk ballot=1.a number=1`),
    ).toMatchInlineSnapshot(`
      "propose x
      ----
      proposed 1
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 chosen=0 value=x

      propose y
      ----
      proposed 2
      persist accepted ballot=1.a number=2 chosen=0 legislature=1 value=y
      when durable, to a: acceptOk ballot=1.a number=2
      to all: accept ballot=1.a number=2 chosen=0 value=y

      b: acceptOk ballot=1.a number=2
      ----

      c: acceptOk ballot=1.a number=2
      ----

      c: acceptOk ballot=1.a number=1
      ----

      b: acceptOk ballot=1.a number=1
      ----
      decided 1 x
      decided 2 y
      timer announce +5"
    `);
  });

  it("repeats an Accept to those who have not answered it, and only to them", () => {
    expect(
      leader().run(`
        propose x
        b: acceptOk ballot=1.a number=1
        wait 50
        timer resend
        wait 50
        timer resend`),
    ).toMatchInlineSnapshot(`
      "propose x
      ----
      proposed 1
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 chosen=0 value=x

      b: acceptOk ballot=1.a number=1
      ----

      wait 50

      timer resend
      ----
      timer resend +100

      wait 50

      timer resend
      ----
      to c: accept ballot=1.a number=1 chosen=0 value=x
      timer resend +100"
    `);
  });

  it("does not repeat what is only as slow as a quorum lately was", () => {
    expect(
      leader().run(`
        propose x
        wait 80
        a: acceptOk ballot=1.a number=1
        b: acceptOk ballot=1.a number=1
        propose y
        wait 120
        timer resend
        wait 60
        timer resend`),
    ).toMatchInlineSnapshot(`
      "propose x
      ----
      proposed 1
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 chosen=0 value=x

      wait 80

      a: acceptOk ballot=1.a number=1
      ----

      b: acceptOk ballot=1.a number=1
      ----
      decided 1 x
      timer announce +5

      propose y
      ----
      proposed 2
      persist accepted ballot=1.a number=2 chosen=1 legislature=1 value=y
      when durable, to a: acceptOk ballot=1.a number=2
      to all: accept ballot=1.a number=2 chosen=1 value=y

      wait 120

      timer resend
      ----
      timer resend +100

      wait 60

      timer resend
      ----
      to b: accept ballot=1.a number=2 chosen=1 value=y
      to c: accept ballot=1.a number=2 chosen=1 value=y
      timer resend +100"
    `);
  });

  it("gives way to a higher ballot", () => {
    expect(
      leader().run(`
        propose x
        c: refused promised=2.c
        b: acceptOk ballot=1.a number=1`),
    ).toMatchInlineSnapshot(`
      "propose x
      ----
      proposed 1
      persist accepted ballot=1.a number=1 chosen=0 legislature=1 value=x
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 chosen=0 value=x

      c: refused promised=2.c
      ----
      timer heartbeat off
      timer resend off
      timer announce off
      leader -
      timer election +160

      b: acceptOk ballot=1.a number=1
      ----"
    `);
  });

  it("steps down when no quorum has answered for three election spans, and not before", () => {
    expect(
      leader().run(`
        wait 960
        timer heartbeat
        wait 1
        timer heartbeat`),
    ).toMatchInlineSnapshot(`
      "wait 960

      timer heartbeat
      ----
      to all: heartbeat ballot=1.a chosen=0 round=2
      timer heartbeat +80

      wait 1

      timer heartbeat
      ----
      timer heartbeat off
      timer resend off
      timer announce off
      leader -
      timer election +160"
    `);
  });
});
