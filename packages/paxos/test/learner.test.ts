import { describe, expect, it } from "vitest";
import { member } from "./roles.ts";

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
