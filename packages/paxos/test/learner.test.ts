import { describe, expect, it } from "vitest";
import { leader, member } from "./roles.ts";

describe("learner", () => {
  it("asks again when nobody answers, until it holds all that it was told of", () => {
    expect(
      member("b", ["a", "b"]).run(`
        a: heartbeat ballot=1.a chosen=1 round=1
        timer learn
        a: learnReply from=1 values=[x] chosen=1
        timer learn`),
    ).toMatchInlineSnapshot(`
      "a: heartbeat ballot=1.a chosen=1 round=1
      ----
      leader a
      to a: learnRequest from=1
      timer learn +100
      to a: heartbeatOk ballot=1.a round=1 granted=true chosen=0

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

  it("waits for what follows by itself, and asks again when it does not", () => {
    expect(
      member("b").run(`
        a: heartbeat ballot=1.a chosen=3 round=1
        a: learnReply from=1 values=[x] chosen=3 more=true
        timer learn
        a: learnReply from=2 values=[y] chosen=3`),
    ).toMatchInlineSnapshot(`
      "a: heartbeat ballot=1.a chosen=3 round=1
      ----
      leader a
      to a: learnRequest from=1
      timer learn +100
      to a: heartbeatOk ballot=1.a round=1 granted=true chosen=0

      a: learnReply from=1 values=[x] chosen=3 more=true
      ----
      persist learned number=1 value=x
      decided 1 x
      timer learn +100

      timer learn
      ----
      to a: learnRequest from=2
      timer learn +100

      a: learnReply from=2 values=[y] chosen=3
      ----
      persist learned number=2 value=y
      decided 2 y
      to a: learnRequest from=3
      timer learn +100"
    `);
  });

  it("is taught in several pages at once: as much as one page holds, times four", () => {
    const a = leader(["a", "b", "c"]);
    const value = "v".repeat(300 * 1024);
    for (let number = 1; number <= 6; number++)
      a.run(`propose ${value}\nb: acceptOk ballot=1.a number=${number}\na: acceptOk ballot=1.a number=${number}`);
    const said = a.run("c: learnRequest from=1").replaceAll(value, "v");
    expect(said).toMatchInlineSnapshot(`
      "c: learnRequest from=1
      ----
      to c: learnReply from=1 values=[v] chosen=6 more=true
      to c: learnReply from=2 values=[v] chosen=6 more=true
      to c: learnReply from=3 values=[v] chosen=6 more=true
      to c: learnReply from=4 values=[v] chosen=6 more=false"
    `);
  });

  it("asks on after an answer that brought something, not after its copy", () => {
    expect(
      member("b").run(`
        a: heartbeat ballot=1.a chosen=3 round=1
        a: learnReply from=1 values=[x] chosen=3
        a: learnReply from=1 values=[x] chosen=3`),
    ).toMatchInlineSnapshot(`
      "a: heartbeat ballot=1.a chosen=3 round=1
      ----
      leader a
      to a: learnRequest from=1
      timer learn +100
      to a: heartbeatOk ballot=1.a round=1 granted=true chosen=0

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
