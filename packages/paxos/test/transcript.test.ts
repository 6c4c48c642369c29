import { createMembership, type MemberId } from "@halon/consensus";
import { Paxos, type PaxosConfig } from "@halon/paxos";
import { describe, expect, it } from "vitest";
import { Transcript } from "./transcript.ts";

const THREE = ["a", "b", "c"];

function member(self: MemberId, members: readonly MemberId[] = THREE, config: Partial<PaxosConfig> = {}): Transcript {
  const transcript = new Transcript(new Paxos({ group: "g", self, membership: createMembership(members), ...config }));
  transcript.start();
  return transcript;
}

/** `a` of three, leader in ballot 1.a. */
function leader(config: Partial<PaxosConfig> = {}): Transcript {
  const a = member("a", THREE, config);
  a.run(`timer election
         a: prepareOk ballot=1.a chosen=0 entries=[] more=false
         b: prepareOk ballot=1.a chosen=0 entries=[] more=false`);
  return a;
}

describe("acceptor", () => {
  it("promises, accepts, and tells what it accepted; nothing of it before it is durable", () => {
    expect(
      member("b").run(`
        a: prepare ballot=1.a from=1
        a: accept ballot=1.a number=1 value=x chosen=0
        c: prepare ballot=2.c from=1
        wait 400
        c: prepare ballot=2.c from=1`),
    ).toMatchInlineSnapshot(`
      "a: prepare ballot=1.a from=1
      ----
      persist promised ballot=1.a
      when durable, to a: prepareOk ballot=1.a chosen=0 entries=[] more=false

      a: accept ballot=1.a number=1 value=x chosen=0
      ----
      leader a
      persist accepted ballot=1.a number=1 value=x chosen=0
      when durable, to a: acceptOk ballot=1.a number=1

      c: prepare ballot=2.c from=1
      ----

      wait 400

      c: prepare ballot=2.c from=1
      ----
      persist promised ballot=2.c
      when durable, to c: prepareOk ballot=2.c chosen=0 entries=[1:1.a:x] more=false"
    `);
  });

  it("takes for chosen what was accepted in the ballot of the leader who says so, and learns the rest", () => {
    expect(
      member("b").run(`
        a: accept ballot=1.a number=1 value=x chosen=0
        a: accept ballot=1.a number=3 value=z chosen=0
        a: heartbeat ballot=1.a chosen=3
        a: learnReply from=1 values=[x,y] chosen=3`),
    ).toMatchInlineSnapshot(`
      "a: accept ballot=1.a number=1 value=x chosen=0
      ----
      leader a
      persist accepted ballot=1.a number=1 value=x chosen=0
      when durable, to a: acceptOk ballot=1.a number=1

      a: accept ballot=1.a number=3 value=z chosen=0
      ----
      persist accepted ballot=1.a number=3 value=z chosen=0
      when durable, to a: acceptOk ballot=1.a number=3

      a: heartbeat ballot=1.a chosen=3
      ----
      to a: heartbeatOk ballot=1.a
      decided 1 x
      to a: learnRequest from=2
      timer learn +100

      a: learnReply from=1 values=[x,y] chosen=3
      ----
      persist learned number=2 value=y
      decided 2 y
      decided 3 z
      timer learn off"
    `);
  });

  it("P2 refuses a lower ballot, naming the higher one", () => {
    expect(
      member("b").run(`
        c: prepare ballot=5.c from=1
        a: prepare ballot=4.a from=1
        a: accept ballot=5.a number=1 value=x chosen=0
        a: heartbeat ballot=4.a chosen=0`),
    ).toMatchInlineSnapshot(`
      "c: prepare ballot=5.c from=1
      ----
      persist promised ballot=5.c
      when durable, to c: prepareOk ballot=5.c chosen=0 entries=[] more=false

      a: prepare ballot=4.a from=1
      ----
      to a: prepareRefused promised=5.c

      a: accept ballot=5.a number=1 value=x chosen=0
      ----
      to a: acceptRefused promised=5.c

      a: heartbeat ballot=4.a chosen=0
      ----
      to a: acceptRefused promised=5.c"
    `);
  });
});

describe("candidate", () => {
  it("proposes again what a quorum told, by the highest ballot, and fills the hole with the empty value", () => {
    expect(
      member("a").run(`
        timer election
        a: prepareOk ballot=1.a chosen=0 entries=[1:0.c:new] more=false
        b: prepareOk ballot=1.a chosen=0 entries=[1:0.b:old] more=true
        b: prepareOk ballot=1.a chosen=0 entries=[3:0.b:z] more=false`),
    ).toMatchInlineSnapshot(`
      "timer election
      ----
      timer election +300
      persist promised ballot=1.a
      when durable, to a: prepareOk ballot=1.a chosen=0 entries=[] more=false
      when durable, to all: prepare ballot=1.a from=1

      a: prepareOk ballot=1.a chosen=0 entries=[1:0.c:new] more=false
      ----

      b: prepareOk ballot=1.a chosen=0 entries=[1:0.b:old] more=true
      ----
      to b: prepare ballot=1.a from=2

      b: prepareOk ballot=1.a chosen=0 entries=[3:0.b:z] more=false
      ----
      leader a
      timer election off
      timer learn off
      timer resend +100
      persist accepted ballot=1.a number=1 value=new chosen=0
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 value=new chosen=0
      persist accepted ballot=1.a number=2 value= chosen=0
      when durable, to a: acceptOk ballot=1.a number=2
      to all: accept ballot=1.a number=2 value= chosen=0
      persist accepted ballot=1.a number=3 value=z chosen=0
      when durable, to a: acceptOk ballot=1.a number=3
      to all: accept ballot=1.a number=3 value=z chosen=0
      to all: heartbeat ballot=1.a chosen=0
      timer heartbeat +120"
    `);
  });

  it("P2 carries its own id in every ballot, above a foreign one that refused it", () => {
    expect(
      member("a").run(`
        timer election
        c: prepareRefused promised=7.c
        wait 1000
        timer election`),
    ).toMatchInlineSnapshot(`
      "timer election
      ----
      timer election +300
      persist promised ballot=1.a
      when durable, to a: prepareOk ballot=1.a chosen=0 entries=[] more=false
      when durable, to all: prepare ballot=1.a from=1

      c: prepareRefused promised=7.c
      ----
      timer heartbeat off
      timer resend off
      timer announce off
      timer election +300

      wait 1000

      timer election
      ----
      timer election +300
      persist promised ballot=8.a
      when durable, to a: prepareOk ballot=8.a chosen=0 entries=[] more=false
      when durable, to all: prepare ballot=8.a from=1"
    `);
  });

  it("learns what one of its quorum knows to be chosen before it leads", () => {
    expect(
      member("a").run(`
        timer election
        a: prepareOk ballot=1.a chosen=0 entries=[] more=false
        b: prepareOk ballot=1.a chosen=2 entries=[] more=false
        b: learnReply from=1 values=[x,y] chosen=2`),
    ).toMatchInlineSnapshot(`
      "timer election
      ----
      timer election +300
      persist promised ballot=1.a
      when durable, to a: prepareOk ballot=1.a chosen=0 entries=[] more=false
      when durable, to all: prepare ballot=1.a from=1

      a: prepareOk ballot=1.a chosen=0 entries=[] more=false
      ----

      b: prepareOk ballot=1.a chosen=2 entries=[] more=false
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
      to all: heartbeat ballot=1.a chosen=2
      timer heartbeat +120"
    `);
  });
});

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
      persist accepted ballot=1.a number=1 value=x chosen=0
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 value=x chosen=0

      b: acceptOk ballot=1.a number=1
      ----

      a: acceptOk ballot=1.a number=1
      ----
      decided 1 x
      timer announce +5

      timer announce
      ----
      to all: heartbeat ballot=1.a chosen=1"
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
      persist accepted ballot=1.a number=1 value=x chosen=0
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 value=x chosen=0

      propose y
      ----
      proposed 2
      persist accepted ballot=1.a number=2 value=y chosen=0
      when durable, to a: acceptOk ballot=1.a number=2
      to all: accept ballot=1.a number=2 value=y chosen=0

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

  it("gives way to a higher ballot", () => {
    expect(
      leader().run(`
        propose x
        c: acceptRefused promised=2.c
        b: acceptOk ballot=1.a number=1`),
    ).toMatchInlineSnapshot(`
      "propose x
      ----
      proposed 1
      persist accepted ballot=1.a number=1 value=x chosen=0
      when durable, to a: acceptOk ballot=1.a number=1
      to all: accept ballot=1.a number=1 value=x chosen=0

      c: acceptRefused promised=2.c
      ----
      leader -
      timer heartbeat off
      timer resend off
      timer announce off
      timer election +300

      b: acceptOk ballot=1.a number=1
      ----"
    `);
  });
});

describe("learner", () => {
  it("asks again when nobody answers, until it holds all that it was told of", () => {
    expect(
      member("b", ["a", "b"]).run(`
        a: heartbeat ballot=1.a chosen=1
        timer learn
        a: learnReply from=1 values=[x] chosen=1
        timer learn`),
    ).toMatchInlineSnapshot(`
      "a: heartbeat ballot=1.a chosen=1
      ----
      leader a
      to a: heartbeatOk ballot=1.a
      to a: learnRequest from=1
      timer learn +100

      timer learn
      ----
      to a: learnRequest from=1
      timer learn +100

      a: learnReply from=1 values=[x] chosen=1
      ----
      persist learned number=1 value=x
      decided 1 x
      timer learn off

      timer learn
      ----"
    `);
  });

  it("asks on after an answer that brought something, not after its copy", () => {
    expect(
      member("b").run(`
        a: heartbeat ballot=1.a chosen=3
        a: learnReply from=1 values=[x] chosen=3
        a: learnReply from=1 values=[x] chosen=3`),
    ).toMatchInlineSnapshot(`
      "a: heartbeat ballot=1.a chosen=3
      ----
      leader a
      to a: heartbeatOk ballot=1.a
      to a: learnRequest from=1
      timer learn +100

      a: learnReply from=1 values=[x] chosen=3
      ----
      persist learned number=1 value=x
      decided 1 x
      to a: learnRequest from=2
      timer learn +100

      a: learnReply from=1 values=[x] chosen=3
      ----"
    `);
  });
});
