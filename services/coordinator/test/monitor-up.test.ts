import { encodeEventPayload } from "@halon/proto";
import { toJson } from "@halon/resource-graph";
import { describe, expect, it } from "vitest";
import { SESSIONS_MAX } from "../src/sessions.ts";
import { graphOf, nodeValue, Script, WATCHERS } from "./script.ts";

describe("monitor-up", () => {
  it("each node whose newest session counts on it gets a new one, and others do not", () => {
    const down = nodeValue("u2", WATCHERS, { state: "down", sessions: [] });
    const elsewhere = nodeValue("u3", ["sat-2", "sat-3"]);
    const outcome = new Script().monitorUp("sat-1").run(graphOf(["u1"], { u2: down, u3: elsewhere }));
    expect(outcome.told).toEqual(["welcome sat-2 into 2", "welcome sat-3 into 2", "welcome u1 into 2"]);
    expect(outcome.node("u1")?.sessions).toMatchObject([
      { session: 1, begun: true },
      { session: 2, monitors: WATCHERS, begun: false },
    ]);
    expect(outcome.node("u3")?.sessionLast).toBe(1);
    expect(outcome.left).toEqual([]);
  });

  it("one that was not begun is not given again: the monitor may have started after it", () => {
    const outcome = new Script()
      .monitorUp("sat-1")
      .monitorUp("sat-2")
      .run(graphOf(["u1"]));
    expect(outcome.node("u1")?.sessions.map(({ session }) => session)).toEqual([1, 2, 3]);
    expect(outcome.told.at(-1)).toBe("welcome u1 into 3");
  });

  it("a node that begins none of its sessions is not given more than it may have", () => {
    const script = new Script();
    for (let at = 0; at < SESSIONS_MAX + 2; at++) script.monitorUp("sat-1");
    const outcome = script.runOnce(graphOf(["u1"]));
    expect(outcome.node("u1")?.sessions).toHaveLength(SESSIONS_MAX);
    const begun = script
      .begun("u1", SESSIONS_MAX)
      .monitorUp("sat-1")
      .run(graphOf(["u1"]));
    expect(begun.told.at(-1)).toBe(`welcome u1 into ${SESSIONS_MAX + 1}`);
  });

  it("many nodes in parts, each once, and no more than one run can tell of", () => {
    const names = (count: number) => Array.from({ length: count }, (_, at) => `u${at}`);
    const some = new Script()
      .monitorUp("sat-1")
      .rest(4)
      .run(graphOf(names(40)));
    expect(new Set(some.told).size).toBe(42);
    expect(some.told).toHaveLength(42);
    const many = new Script()
      .monitorUp("sat-1")
      .rest(80)
      .runOnce(graphOf(names(1_200)));
    expect(many.told.length).toBeGreaterThan(900);
    expect(many.told.length).toBeLessThan(1_100);
    expect(many.scenario.decisions.at(-1)?.facts).toEqual({ monitor: "sat-1", given: many.told.length, isAll: false });
    expect(many.left).toEqual([]);
  });

  it("a name that no monitor can have is refused, and a strange one changes nothing", () => {
    const payload = encodeEventPayload({ kind: "monitorUp", value: { monitor: "a.b" } });
    const outcome = new Script()
      .raw("monitor-up", payload)
      .monitorUp("stranger")
      .run(graphOf(["u1"]));
    expect(outcome.scenario.refused).toHaveLength(1);
    expect(toJson(outcome.graph)).toEqual(toJson(graphOf(["u1"])));
  });
});
