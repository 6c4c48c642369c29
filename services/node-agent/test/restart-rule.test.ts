import { describe, expect, it } from "vitest";
import { ENDLESS, RestartRule } from "../src/core/restart-rule.ts";

describe("the restart rule", () => {
  it("pauses 100 ms, doubling up to 5 s, without end for the node's own services", () => {
    const rule = new RestartRule(ENDLESS);
    const pauses = Array.from({ length: 9 }, (_, at) => rule.onExit(at));
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
  });

  it("allows so many restarts in a window, and begins anew after a quiet one", () => {
    const rule = new RestartRule({ restartsMax: 2, windowMs: 1_000 });
    expect([rule.onExit(0), rule.onExit(500), rule.onExit(999)]).toEqual([100, 200, undefined]);
    expect(rule.onExit(1_000), "the first restart has left the window").toBe(200);
    expect(rule.onExit(5_000)).toBe(100);
  });

  it("allows none where none is allowed", () => {
    expect(new RestartRule({ restartsMax: 0, windowMs: 1 }).onExit(0)).toBeUndefined();
  });
});
