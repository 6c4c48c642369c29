import { describe, expect, it } from "vitest";
import { nearest } from "../src/nearest.ts";

describe("the nearest word", () => {
  it.each([
    ["kil", "kill"],
    ["STATUS", "status"],
    ["user2", "user-2"],
    ["monitr-1", "monitor-1"],
    ["entirely-else", undefined],
  ])("of %s is %s", (word, expected) => {
    expect(nearest(word, ["kill", "status", "user-1", "user-2", "monitor-1"])).toBe(expected);
  });
});
