import { describe, expect, it } from "vitest";
import { readNode } from "../src/listed-nodes.ts";

const node = {
  kind: "user",
  state: "up",
  sessionLast: 4,
  later: "unknown fields are another version's",
  sessions: [
    { session: 3, monitors: ["m1", "m2"], needed: 2, begun: true },
    { session: 4, monitors: ["m2"], needed: 1, begun: false },
  ],
  accusations: [
    { session: 3, monitor: "m2", silentMs: 1, logTimeMs: 2 },
    { session: 2, monitor: "m1", silentMs: 1, logTimeMs: 2 },
  ],
};
const read = (value: unknown, key = "g/v/Node/user-1") =>
  readNode({ key, value: new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)) }, "m1");

describe("a listed node", () => {
  it("is read as far as it concerns the monitor", () => {
    expect(read(node)).toEqual({
      node: "user-1",
      sessions: [{ session: 3, monitors: ["m1", "m2"] }],
      accused: 2,
      sessionLast: 4,
    });
  });

  it("has nothing to watch when it is down", () => {
    expect(read({ ...node, state: "down" })).toEqual({ node: "user-1", sessions: [], accused: 2, sessionLast: 4 });
  });

  it.each([
    "",
    "{",
    "[]",
    { ...node, sessions: undefined },
    { ...node, sessionLast: undefined },
    { ...node, sessions: [{ session: 0, monitors: [] }] },
  ])("is not guessed: %j", (value) => {
    expect(read(value)).toBeUndefined();
  });

  it("has a name that can stand in a subject", () => {
    expect(read(node, "g/v/Node/a.b")).toBeUndefined();
  });
});
