import { describe, expect, it } from "vitest";
import { Announced } from "../src/directory.ts";

const announce = (role: string, node: string) => ({ role, node, members: [], leader: "" });

describe("Announced", () => {
  it("names who announced itself of late, and forgets who has not", () => {
    const announced = new Announced();
    announced.note(announce("monitor", "satellite-1"), 0);
    announced.note(announce("monitor", "satellite-2"), 2_000);
    expect(announced.names("monitor", 3_000)).toEqual(["satellite-1", "satellite-2"]);
    expect(announced.names("monitor", 3_001)).toEqual(["satellite-2"]);
    expect(announced.names("transponder", 3_001)).toEqual([]);
  });

  it.each(["", "*", ">", "a.b", "a b", "x".repeat(65)])("names nobody who cannot stand in a subject: %j", (node) => {
    const announced = new Announced();
    announced.note(announce("transponder", node), 0);
    expect(announced.names("transponder", 0)).toEqual([]);
    expect(announced.refused).toBe(1);
  });

  it("knows stations of its own group by what they say of themselves", () => {
    const announced = new Announced();
    const station = { clusterId: "id", member: "s1.0", role: "leader", applied: 3 };
    announced.note({ ...announce("station", "s1"), station }, 0);
    announced.note({ ...announce("station", "s2"), station: { ...station, clusterId: "other", member: "s2.0" } }, 0);
    expect(announced.stations("id", 3_000)).toEqual([station]);
    expect(announced.stations("id", 3_001)).toEqual([]);
    announced.note({ ...announce("station", "s3"), station }, 0);
    announced.note(announce("station", "s4"), 0);
    expect(announced.refused).toBe(2);
  });

  it("refuses roles that it does not know, and more names than it may hold", () => {
    const announced = new Announced();
    announced.note(announce("king", "station-1"), 0);
    for (let at = 0; at <= 4_096; at++) announced.note(announce("monitor", `n${at}`), 0);
    expect(announced.refused).toBe(2);
    expect(announced.names("monitor", 0)).toHaveLength(4_096);
    // All are silent for too long: there is room again.
    announced.note(announce("monitor", "late"), 10_000);
    expect(announced.names("monitor", 10_000)).toEqual(["late"]);
  });
});
