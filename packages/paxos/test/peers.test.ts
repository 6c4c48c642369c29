import { describe, expect, it } from "vitest";
import { joiner, leader, member, reborn } from "./roles.ts";
import { Transcript } from "./transcript.ts";

describe("votes", () => {
  it("before a hello are not counted, and the hello is asked; then the Prepare is sent again", () => {
    const a = new Transcript({ group: "g", self: "a" });
    a.found(["a", "b", "c"]);
    a.start();
    expect(
      a.run(`
        wait 600
        timer election
        b: probeOk
        a: prepareOk ballot=1.a
        b: prepareOk ballot=1.a
        b: hello promised=1.a
        b: prepareOk ballot=1.a`),
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

      b: prepareOk ballot=1.a
      ----
      to b: hello promised=0.- accepted=0 chosen=0 ask=true

      b: hello promised=1.a
      ----
      when durable, to b: prepare ballot=1.a from=1

      b: prepareOk ballot=1.a
      ----
      leader a
      timer election off
      timer learn off
      timer resend +100
      to all: heartbeat ballot=1.a chosen=0 round=1
      timer heartbeat +80"
    `);
  });

  it("of a new life are not counted before its hello either", () => {
    const a = leader();
    a.run("propose x\na: acceptOk ballot=1.a number=1");
    expect(a.run("b*2: acceptOk ballot=1.a number=1")).not.toContain("decided");
    expect(a.run("b*2: hello promised=1.a\nb*2: acceptOk ballot=1.a number=1")).toContain("decided 1 x");
  });
});

describe("a journal that was rolled back", () => {
  it("shows by a hello below what was confirmed: disowned, and told so", () => {
    const a = leader();
    a.run("propose x\na: acceptOk ballot=1.a number=1\nb: acceptOk ballot=1.a number=1");
    expect(a.run("b*2: hello promised=1.a accepted=0\nb*2: prepareOk ballot=1.a")).toMatchInlineSnapshot(`
      "b*2: hello promised=1.a accepted=0
      ----
      to b: disowned why=b has an older journal than before: it had confirmed ballot 1.a and decree 1, and now knows of 1.a and 0. Let it join anew as another incarnation

      b*2: prepareOk ballot=1.a
      ----"
    `);
    expect([...a.core.status.disowned.keys()]).toEqual(["b"]);
    a.run("propose y\na: acceptOk ballot=1.a number=2");
    expect(a.run("b*2: acceptOk ballot=1.a number=2")).not.toContain("decided");
  });

  it("by a lower promise too", () => {
    const a = leader();
    expect(a.run("b*2: hello promised=0.-")).toContain("to b: disowned");
  });

  it("not by what is found in order", () => {
    const a = leader();
    a.run("propose x\na: acceptOk ballot=1.a number=1\nb: acceptOk ballot=1.a number=1");
    a.run("b*2: hello promised=1.a accepted=1");
    expect(a.core.status.disowned.size).toBe(0);
  });

  it("not by a later hello of the same life, which says how that began", () => {
    const a = leader();
    a.run("propose x\na: acceptOk ballot=1.a number=1\nb: acceptOk ballot=1.a number=1");
    a.run("b: hello promised=0.- accepted=0");
    expect(a.core.status.disowned.size).toBe(0);
  });

  it("nor by decrees of a legislature that is over", () => {
    const a = leader();
    a.run(`propose x
           reconfigure a+b+d
           a: acceptOk ballot=1.a number=1
           b: acceptOk ballot=1.a number=1
           a: acceptOk ballot=1.a number=2
           b: acceptOk ballot=1.a number=2
           b*2: hello promised=1.a accepted=0`);
    expect(a.core.status.disowned.size).toBe(0);
  });

  it("a member takes note when it is told", () => {
    const b = member("b");
    b.run("a: disowned why=old");
    expect(b.core.status.disowned.get("b")).toBe("a says: old");
  });

  it("but takes nobody's word for it who is no member", () => {
    const b = member("b");
    const { refused } = b.core.status;
    b.run("mallory: disowned why=old");
    expect([b.core.status.disowned.size, b.core.status.refused]).toEqual([0, refused + 1]);
  });

  it("strangers that come twice, however many, are remembered in part", () => {
    const a = leader();
    for (let count = 0; count < 200; count++)
      a.run(`m${count}*1: hello promised=0.-\nm${count}*1#7: hello promised=0.-`);
    expect(a.core.status.disowned.size).toBeGreaterThan(0);
    expect(a.core.status.disowned.size).toBeLessThanOrEqual(64);
  });
});

describe("a directory that was copied", () => {
  it("shows by two lives of one number: disowned", () => {
    const a = leader();
    a.run("b*2: hello promised=1.a\nb*2#7: hello promised=1.a");
    expect(a.core.status.disowned.get("b")).toMatch(/runs twice/);
    expect(a.run("b*2: hello promised=1.a")).toContain("to b: disowned");
    // The other one, too, and whatever comes later of it.
    a.run("propose x\na: acceptOk ballot=1.a number=1");
    expect(a.run("b*3: hello promised=1.a\nb*3: acceptOk ballot=1.a number=1")).not.toContain("decided");
  });

  it("or by a life that goes on long after the next was heard", () => {
    const a = leader();
    a.run("b*2: hello promised=1.a\nwait 10001\nb: acceptOk ballot=1.a number=1");
    expect(a.core.status.disowned.get("b")).toMatch(/runs twice/);
  });

  it("a straggler of an earlier life is only refused", () => {
    const a = leader();
    const { refused } = a.core.status;
    a.run("propose x\na: acceptOk ballot=1.a number=1\nb*2: hello promised=1.a\nwait 9999");
    expect(a.run("b: acceptOk ballot=1.a number=1")).not.toContain("decided");
    expect(a.core.status).toMatchObject({ refused: refused + 1 });
    expect(a.core.status.disowned.size).toBe(0);
    expect(a.run("b*2: acceptOk ballot=1.a number=1")).toContain("decided 1 x");
  });

  it("is forgotten when a reconfiguration has replaced it", () => {
    const a = leader();
    a.run(`b*2: hello promised=1.a
           b*2#7: hello promised=1.a
           reconfigure a+b.2+c
           a: acceptOk ballot=1.a number=1
           c: acceptOk ballot=1.a number=1`);
    expect(a.core.status.membership?.legislature).toBe(2);
    expect(a.core.status.disowned.size).toBe(0);
  });
});

describe("a life", () => {
  it("begins with its own number on disk, before anybody hears of it", () => {
    const b = new Transcript({ group: "g", self: "b" });
    b.found(["a", "b"]);
    expect(b.start(0, 0.5)).toMatchInlineSnapshot(`
      "start
      ----
      persist boot boot=1#524288
      when durable, to all: hello promised=0.- accepted=0 chosen=0 ask=true
      when durable, to b: hello promised=0.- accepted=0 chosen=0 ask=true
      timer election +360"
    `);
  });

  it("says nothing that could outlive a number which is not durable: the next would take it again, and pass for a copy", () => {
    const b = new Transcript({ group: "g", self: "b" });
    b.found(["a", "b"]);
    // The disk is slow: its own hello has not come back.
    const outputs = b.core.step({ kind: "start", applied: 0, random: 0 }, 0);
    const heard = b.run("a: probe\na: heartbeat ballot=1.a round=1\na: heartbeat ballot=0.a round=1");
    expect(heard).toContain("when durable, to a: probeOk");
    expect(heard).toContain("when durable, to a: heartbeatOk");
    for (const output of outputs)
      if (output.kind === "send" && output.to === "b")
        b.core.step({ kind: "message", from: "b", bytes: output.bytes }, 0);
    expect(b.run("a: heartbeat ballot=1.a round=2")).toMatch(/\nto a: heartbeatOk/);
  });

  it("says at its birth what it found, whatever comes later", () => {
    const b = member("b");
    b.run("a: accept ballot=3.a number=1 value=x");
    const again = reborn("b", b.journal);
    again.run("a: accept ballot=3.a number=2 value=y\na: heartbeat ballot=3.a chosen=2 round=2");
    expect(again.run("c: hello ask=true")).toContain("to c: hello promised=3.a accepted=1 chosen=2 ask=false");
  });

  it("of each joiner too", () => {
    expect(reborn("d", joiner("d").journal).life).toBe(2);
  });
});
