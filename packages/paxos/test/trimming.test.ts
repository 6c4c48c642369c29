import { describe, expect, it } from "vitest";
import { leader, member, reborn } from "./roles.ts";
import type { Transcript } from "./transcript.ts";

/** `b`, which has promised 5.c to nobody's use, holds decrees 1 to 6 of ballot 6.a and knows of 1 to 4 that they are chosen. */
function busy(): Transcript {
  const b = member("b");
  b.run("c: prepare ballot=5.c from=1");
  for (let number = 1; number <= 6; number++)
    b.run(`a: accept ballot=6.a number=${number} chosen=${Math.min(4, number - 1)} value=v${number}`);
  expect(b.core.status).toMatchObject({ chosen: 4, trimmed: 0 });
  return b;
}

const trimmedText = (told: string): string | undefined => /(?:persist|trim journal).*/g.exec(told)?.[0];

describe("trim", () => {
  it("says in one record what the trimmed ones said, and keeps those of later decrees", () => {
    const b = busy();
    expect(b.run("trim 3")).toMatchInlineSnapshot(`
      "trim 3
      ----
      persist base number=3 membership=1:a+b+c promised=6.a boot=1
      when durable, trim journal before 7"
    `);
    expect(b.core.status).toMatchObject({ chosen: 4, trimmed: 3 });
    // Records 1 to 6: base, boot, promise, decrees 1 to 3.
    expect(b.journal.firstSeq).toBe(7);
  });

  it("never above what is delivered, nor twice the same", () => {
    const b = busy();
    expect(trimmedText(b.run("trim 9"))).toContain("number=4");
    expect(trimmedText(b.run("trim 4"))).toBe(undefined);
    expect(trimmedText(b.run("trim 2"))).toBe(undefined);
    const late = reborn("b", busy().journal, 0, { cacheBytesMax: 1 });
    // Chosen are four, but the values are still on their way from the journal.
    expect(late.core.status.chosen).toBe(4);
    expect(trimmedText(late.run("trim 4"))).toBe(undefined);
    late.run("records 1");
    expect(trimmedText(late.run("trim 4"))).toContain("number=4");
  });

  it("a restart from a journal that starts in the middle knows all that the last life knew", () => {
    const b = busy();
    b.run("trim 3");
    expect(b.journal.firstSeq).toBeGreaterThan(1);
    const again = reborn("b", b.journal, 3);
    again.greet("a", "c");
    expect(again.core.status).toMatchObject({ chosen: 4, trimmed: 3, ballot: "6.a" });
    expect(
      again.run(`
        wait 600
        a: prepare ballot=5.a from=1
        c: prepare ballot=7.c from=1`),
    ).toMatchInlineSnapshot(`
      "wait 600

      a: prepare ballot=5.a from=1
      ----
      to a: refused promised=6.a

      c: prepare ballot=7.c from=1
      ----
      persist promised ballot=7.c
      when durable, to c: prepareOk ballot=7.c chosen=4 entries=[5:6.a:v5,6:6.a:v6] more=false"
    `);
  });

  it("keeps the promise that only a trimmed record said", () => {
    const b = member("b");
    b.run(`a: accept ballot=1.a number=1 value=x
           a: heartbeat ballot=1.a chosen=1 round=1
           wait 600
           c: prepare ballot=5.c from=1
           trim 1`);
    const { firstSeq, records } = b.journal;
    expect(records).toHaveLength(1);
    const again = reborn("b", { firstSeq, records }, 1);
    expect(again.run("a: accept ballot=4.a number=2 chosen=1 value=y")).toContain("refused promised=5.c");
  });

  it("a journal may keep more than it must: older records, and older bases, change nothing", () => {
    const b = busy();
    const whole = [...b.journal.records];
    b.run("trim 2");
    const { firstSeq, records } = b.journal;
    for (let kept = 0; kept < firstSeq; kept++) {
      const journal = {
        firstSeq: firstSeq - kept,
        records: [...whole.slice(firstSeq - 1 - kept, firstSeq - 1), ...records],
      };
      const again = reborn("b", journal, 4);
      expect(again.core.status).toMatchObject({ chosen: 4, trimmed: 2, ballot: "6.a" });
      expect(again.run("wait 600\nc: prepare ballot=7.c from=1")).toContain("chosen=4 entries=[5:6.a:v5,6:6.a:v6]");
    }
  });

  it("behind a stop sign the base names the next legislature; before one, the one that decides on it", () => {
    for (const [through, text] of [
      [1, "base number=1 membership=1:a+b+c"],
      [2, "base number=2 membership=2:a+b+d"],
    ] as const) {
      const b = member("b");
      b.run(`a: accept ballot=1.a number=1 value=x
             a: accept ballot=1.a number=2 members=a+b+d
             a: heartbeat ballot=1.a chosen=2 round=1
             a/2: accept ballot=2.a number=3 chosen=2 value=y`);
      expect(b.run(`trim ${through}`)).toContain(text);
      const again = reborn("b", b.journal, through);
      expect(again.core.status).toMatchObject({ chosen: 2, membership: { legislature: 2 } });
      expect(again.run("wait 600\nd: prepare ballot=4.d from=1")).toContain("entries=[3:2.a:y]");
    }
  });

  it("each life has a number of its own, also when the record of the last is trimmed", () => {
    const b = busy();
    b.run("trim 4");
    const again = reborn("b", b.journal, 4);
    expect(again.core.step({ kind: "timer", name: "learn", random: 0 }, 0)).toEqual([]);
    again.run("trim 4");
    const third = reborn("b", again.journal, 4);
    expect(third.life).toBe(3);
  });
});

describe("teaching what is trimmed", () => {
  it("values in memory go on being taught; when they are gone, it is said that they are", () => {
    const b = busy();
    b.run("trim 3");
    expect(b.run("c: learnRequest from=1")).toContain("learnReply from=1 values=[v1,v2,v3,v4] chosen=4");
    const again = reborn("b", b.journal, 3);
    expect(
      again.run(`
        c: learnRequest from=3
        c: learnRequest from=4
        records 2
        c: learnRequest from=5`),
    ).toMatchInlineSnapshot(`
      "c: learnRequest from=3
      ----
      to c: learnTrimmed trimmed=3 chosen=4

      c: learnRequest from=4
      ----
      read #2 seqs 7

      records 2
      ----
      to c: learnReply from=4 values=[v4] chosen=4 more=false

      c: learnRequest from=5
      ----"
    `);
  });

  it("who asked for it asks the others too; when nobody keeps it, it is behind, says so again while it is, and installs somebody's state", () => {
    expect(
      member("c").run(`
        a: heartbeat ballot=6.a chosen=9 round=1
        a: learnTrimmed trimmed=7 chosen=9
        b: learnTrimmed trimmed=5 chosen=8
        timer learn
        install 7 1:a+b+c
        timer learn
        a: learnReply from=8 values=[v8,v9] chosen=9`),
    ).toMatchInlineSnapshot(`
      "a: heartbeat ballot=6.a chosen=9 round=1
      ----
      leader a
      to a: learnRequest from=1
      timer learn +100
      to a: heartbeatOk ballot=6.a round=1 granted=true chosen=0

      a: learnTrimmed trimmed=7 chosen=9
      ----
      to b: learnRequest from=1
      timer learn +100

      b: learnTrimmed trimmed=5 chosen=8
      ----
      behind, ask b
      timer learn +100

      timer learn
      ----
      behind, ask a
      timer learn +100

      install 7 1:a+b+c
      ----
      persist base number=7 membership=1:a+b+c promised=0.- boot=1
      when durable, trim journal before 3
      timer learn +0

      timer learn
      ----
      to a: learnRequest from=8
      timer learn +100

      a: learnReply from=8 values=[v8,v9] chosen=9
      ----
      persist learned number=8 value=v8
      decided 8 v8
      persist learned number=9 value=v9
      decided 9 v9
      timer learn off"
    `);
  });

  it("what one has trimmed and another keeps is learned as decrees", () => {
    const c = member("c");
    c.run("a: heartbeat ballot=6.a chosen=2 round=1");
    expect(c.run("a: learnTrimmed trimmed=1 chosen=2")).toContain("to b: learnRequest from=1");
    const told = c.run("b: learnReply from=1 values=[x,y] chosen=2");
    expect(told.match(/decided.*/g)).toEqual(["decided 1 x", "decided 2 y"]);
  });

  it("an answer that was not asked for, or no longer, changes nothing", () => {
    expect(member("c").run("a: learnTrimmed trimmed=7 chosen=9")).not.toContain("behind");
    const a = leader();
    expect(a.run("b: learnTrimmed trimmed=7 chosen=9")).not.toContain("behind");
  });

  it("who lacks the state does not stand for election", () => {
    const c = member("c");
    c.run(`a: heartbeat ballot=6.a chosen=9 round=1
           a: learnTrimmed trimmed=7 chosen=9
           b: learnTrimmed trimmed=7 chosen=9`);
    expect(c.run("wait 2000\ntimer election")).not.toContain("probe");
    c.run("install 7 1:a+b+c");
    expect(c.run("timer election\nwait 320\ntimer election")).toContain("probe");
  });
});

describe("install", () => {
  it("keeps what was accepted beyond it in the same legislature", () => {
    const b = busy();
    b.run("install 5 1:a+b+c");
    const said = "wait 600\nc: prepare ballot=7.c from=1";
    expect(b.run(said)).toContain("chosen=5 entries=[6:6.a:v6]");
    const again = reborn("b", b.journal, 5);
    expect(again.run(said)).toContain("chosen=5 entries=[6:6.a:v6]");
  });

  it("drops it where the legislature has changed", () => {
    const b = busy();
    b.run("install 5 2:a+b+d");
    const said = "wait 600\nd: prepare ballot=7.d from=1";
    expect(b.run(said)).toContain("chosen=5 entries=[]");
    const again = reborn("b", b.journal, 5);
    expect(again.core.status.membership).toEqual({ legislature: 2, members: ["a", "b", "d"] });
    expect(again.run("wait 600\nd: prepare ballot=8.d from=1")).toContain("chosen=5 entries=[]");
  });

  it("of an older state delivers again what is above it", () => {
    const b = busy();
    expect(b.run("install 2 1:a+b+c").match(/decided.*/g)).toEqual(["decided 3 v3", "decided 4 v4"]);
  });

  it("of one below what is trimmed does not help", () => {
    const b = busy();
    b.run("trim 3");
    b.run("install 2 1:a+b+c\ntimer learn");
    expect(b.run("timer learn")).toContain("behind, ask a");
    expect(b.run("install 3 1:a+b+c").match(/decided.*/g)).toEqual(["decided 4 v4"]);
  });

  it("beyond all it knows ends a reign that the others have ended long ago", () => {
    const a = leader();
    a.run("propose x\ninstall 5 1:a+b+c");
    expect(a.core.status).toMatchObject({ role: "follower", chosen: 5, inFlight: 0 });
  });

  it("a member whose applied state is older than its journal's beginning asks for another's", () => {
    const b = busy();
    b.run("trim 3");
    const again = reborn("b", b.journal, 1);
    expect(again.run("timer learn")).toContain("behind, ask a");
    expect(again.run("install 3 1:a+b+c\nrecords 1").match(/decided.*/g)).toEqual(["decided 4 v4"]);
  });
});
