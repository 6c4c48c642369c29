import { describe, expect, it } from "vitest";
import { leader, member } from "./roles.ts";

describe("fresh reads", () => {
  it("without a lease, a round that began after the read confirms it; those that ask meanwhile share the next", () => {
    expect(
      leader().run(`
        b: heartbeatOk ballot=1.a round=1 granted=false
        confirm 1
        confirm 2
        confirm 3
        c: heartbeatOk ballot=1.a round=1 granted=false
        b: heartbeatOk ballot=1.a round=2 granted=false
        b: heartbeatOk ballot=1.a round=3 granted=false`),
    ).toMatchInlineSnapshot(`
      "b: heartbeatOk ballot=1.a round=1 granted=false
      ----

      confirm 1
      ----
      to all: heartbeat ballot=1.a chosen=0 round=2

      confirm 2
      ----

      confirm 3
      ----

      c: heartbeatOk ballot=1.a round=1 granted=false
      ----

      b: heartbeatOk ballot=1.a round=2 granted=false
      ----
      confirmed #1 up to 0
      to all: heartbeat ballot=1.a chosen=0 round=3

      b: heartbeatOk ballot=1.a round=3 granted=false
      ----
      confirmed #2 up to 0
      confirmed #3 up to 0"
    `);
  });

  it("what the reign found open may have been decided before it: a read waits for that", () => {
    const a = member("a");
    a.run(`wait 600
           timer election
           b: probeOk
           a: prepareOk ballot=1.a
           b: prepareOk ballot=1.a entries=[1:0.b:x,2:0.b:y]
           b: heartbeatOk ballot=1.a round=1 granted=true`);
    expect(a.core.status).toMatchObject({ leased: true, chosen: 0 });
    expect(a.run("confirm 1")).toContain("confirmed #1 up to 2");
    a.run("propose z");
    expect(a.run("confirm 2")).toContain("confirmed #2 up to 2");
  });

  it("a stop sign that the reign found may be chosen, and others decide without this quorum: no read is confirmed", () => {
    const a = member("a");
    a.run(`wait 600
           timer election
           b: probeOk
           a: prepareOk ballot=1.a
           b: prepareOk ballot=1.a entries=[1:0.c:stop(c+d+e)]
           b: heartbeatOk ballot=1.a round=1 granted=true`);
    expect(a.core.status.role).toBe("leader");
    expect(a.run("confirm 1\nb: heartbeatOk ballot=1.a round=2 granted=true")).toMatch(/\sunconfirmed #1/);
  });

  it("who does not lead, or no longer, says so", () => {
    expect(member("b").run("confirm 1")).toContain("unconfirmed #1");
    const a = leader();
    a.run("confirm 2");
    expect(a.run("b: refused promised=2.b")).toContain("unconfirmed #2");
  });

  it("so many may wait, and no more", () => {
    const a = leader();
    const told = a.run(Array.from({ length: 1_025 }, (_, at) => `confirm ${at + 1}`).join("\n"));
    expect(told.match(/unconfirmed.*/g)).toEqual(["unconfirmed #1025"]);
  });
});
