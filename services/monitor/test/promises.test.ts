import { PROMISE_KEEP_MS, PROMISES_MAX, Promises } from "@halon/monitor";
import { describe, expect, it } from "vitest";

describe("promises", () => {
  it("are about a session and all older ones, and never shrink", () => {
    const promises = new Promises();
    expect(promises.sessionOf("n1")).toBe(0);
    promises.make("n1", 5, 0, () => true);
    promises.make("n1", 3, 0, () => true);
    expect(promises.sessionOf("n1")).toBe(5);
  });

  it("are bounded: of those that concern nobody any more the oldest goes, else none is made", () => {
    const promises = new Promises();
    const watched = new Set(["n0"]);
    const make = (node: string, nowMs: number): boolean => promises.make(node, 1, nowMs, (name) => watched.has(name));
    for (let at = 0; at < PROMISES_MAX; at++) make(`n${at}`, 0);
    expect(make("new", PROMISE_KEEP_MS - 1)).toBe(false);
    expect(make("new", PROMISE_KEEP_MS)).toBe(true);
    expect(["n0", "n1", "n2", "new"].map((node) => promises.sessionOf(node))).toEqual([1, 0, 1, 1]);
    expect(promises.size).toBe(PROMISES_MAX);
  });
});
