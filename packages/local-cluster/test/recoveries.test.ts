import { describe, expect, it } from "vitest";
import { RECOVERIES_MAX, Recoveries, recoveryText } from "../src/recoveries.ts";
import { viewWith, viewWithInstance } from "./cluster-view.ts";

const gone = viewWithInstance("web/1", {}, 0);
const moved = viewWithInstance("web/1", { node: "user-1", generation: 2 }, 99);

describe("recoveries", () => {
  it("count from when all was last seen well", () => {
    const recoveries = new Recoveries();
    expect(recoveries.onView(viewWith(), 1_000)).toEqual([]);
    expect(recoveries.onView(gone, 1_500)).toEqual([]);
    const expected = { what: "web/1", from: "user-2", to: "user-1", spanMs: 3_000, atMs: 4_000 };
    expect(recoveries.onView(moved, 4_000)).toEqual([expected]);
    expect(recoveries.all).toEqual([expected]);
    expect(recoveries.onView(moved, 4_500)).toEqual([]);
  });

  it("count from the deed that caused them, where one is known", () => {
    const recoveries = new Recoveries();
    recoveries.onView(viewWith(), 1_000);
    recoveries.onDeed(1_400);
    recoveries.onView(gone, 1_500);
    expect(recoveries.onView(moved, 4_000)).toMatchObject([{ spanMs: 2_600 }]);
    expect(recoveries.onView(viewWith(), 5_000), "an old deed causes nothing").toMatchObject([{ spanMs: 1_000 }]);
  });

  it("show a change that happened between two looks", () => {
    const recoveries = new Recoveries();
    recoveries.onView(viewWith(), 0);
    expect(recoveries.onView(moved, 500)).toMatchObject([{ what: "web/1", spanMs: 500 }]);
  });

  it("are told of leader and coordinator too", () => {
    const recoveries = new Recoveries();
    recoveries.onView(viewWith(), 0);
    const next = { ...viewWith(), leader: "station-2", lease: { epoch: 5, holder: "station-1", checkpoint: 1 } };
    const seen = recoveries.onView(next, 500);
    expect(seen.map(recoveryText)).toEqual([
      "leader is back from station-1 on station-2 after 0.50 s",
      "coordinator is back on station-1 after 0.50 s",
    ]);
  });

  it("remember a bounded number, the newest first, and nothing of an instance that is gone for good", () => {
    const recoveries = new Recoveries();
    for (let at = 0; at < 50; at++) recoveries.onView(viewWithInstance("web/1", {}, at + 1), at);
    expect(recoveries.all.map(({ atMs }) => atMs)).toEqual(Array.from({ length: RECOVERIES_MAX }, (_, at) => 49 - at));
    const without = { ...gone, instances: gone.instances.filter(({ id }) => id !== "web/1") };
    recoveries.onView(without, 100);
    expect(recoveries.onView(moved, 200)).toEqual([]);
    recoveries.forget();
    expect(recoveries.all).toEqual([]);
  });
});
