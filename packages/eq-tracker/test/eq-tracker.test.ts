import { EqTracker, REFRESH_MS } from "@halon/eq-tracker";
import { type Directory, Post, subjectsOf } from "@halon/proto";
import { type Random, VirtualClock } from "@halon/runtime";
import { MemoryBus } from "@halon/transport-memory";
import { describe, expect, it } from "vitest";

const random: Random = { u32: () => 7 };

/** A station that tells `directory()`, and a tracker. */
function setup(directory: () => Directory) {
  const clock = new VirtualClock();
  const bus = new MemoryBus({ clock, random });
  const open = (name: string): Post => new Post(bus.open(name), random, { cluster: "east", sender: name });
  const station = open("station-1.station-replica");
  station.subscribe(subjectsOf("east").directory, "directoryRequest", ({ respond }) =>
    respond?.({ kind: "directory", value: directory() }),
  );
  const tracker = new EqTracker({ clock, random, post: open("user-1.node-agent") });
  return { clock, bus, tracker };
}

describe("eq tracker", () => {
  it("follows the directory, and tells late listeners what is known", () => {
    let transponders: readonly string[] = [];
    const { clock, tracker } = setup(() => ({
      stations: ["station-1"],
      leader: "station-1",
      transponders,
      monitors: ["m-1"],
    }));
    const seen: string[] = [];
    tracker.onChange(({ leader, transponders: names }) => seen.push([leader, ...names].join()));
    expect(seen).toEqual([]);
    clock.runUntil(10);
    transponders = ["t-1"];
    clock.runUntil(1_000);
    expect(seen).toEqual(["station-1"]);
    tracker.refresh();
    clock.runUntil(1_010);
    expect(seen).toEqual(["station-1", "station-1,t-1"]);
    tracker.onChange(({ monitors }) => seen.push(monitors.join()));
    expect(seen.at(-1)).toBe("m-1");
  });

  it("follows stations and transponders that come and go, whichever station tells of them", () => {
    const clock = new VirtualClock();
    const bus = new MemoryBus({ clock, random });
    const open = (name: string): Post => new Post(bus.open(name), random, { cluster: "east", sender: name });
    let known: Directory = { stations: ["s1", "s2"], leader: "s1", transponders: ["t1"], monitors: [] };
    for (const name of ["s1", "s2", "s3"])
      open(`${name}.station-replica`).subscribe(
        subjectsOf("east").directory,
        "directoryRequest",
        ({ respond }) => {
          if (known.stations.includes(name)) respond?.({ kind: "directory", value: known });
        },
        "stations",
      );
    const tracker = new EqTracker({ clock, random, post: open("user-1.node-agent") });
    const seen: string[] = [];
    tracker.onChange(({ stations, leader, transponders }) =>
      seen.push(`${stations.join()} ${leader || "-"} ${transponders.join()}`),
    );
    const become = (next: Partial<Directory>): void => {
      known = { ...known, ...next };
      clock.runUntil(clock.nowMs() + 2 * REFRESH_MS);
    };
    become({});
    become({ stations: ["s1", "s2", "s3"], transponders: ["t1", "t2"] });
    become({ leader: "" });
    bus.kill("s1.station-replica");
    become({ stations: ["s2", "s3"], leader: "s3" });
    become({ transponders: ["t2"] });
    bus.kill("s2.station-replica");
    become({ stations: ["s3"] });
    expect(seen).toEqual([
      "s1,s2 s1 t1",
      "s1,s2,s3 s1 t1,t2",
      "s1,s2,s3 - t1,t2",
      "s2,s3 s3 t1,t2",
      "s2,s3 s3 t2",
      "s3 s3 t2",
    ]);
    expect(tracker.status).toMatchObject({ stations: ["s3"], leader: "s3", changes: seen.length, unanswered: 0 });
  });

  it("outlives the absence of stations", () => {
    const { clock, bus, tracker } = setup(() => ({
      stations: ["station-1"],
      leader: "",
      transponders: [],
      monitors: [],
    }));
    bus.stop();
    clock.runUntil(20_000);
    expect(tracker.directory.stations).toEqual([]);
    expect(tracker.status).toMatchObject({ stations: [], leader: "", changes: 0 });
    expect(tracker.status["unanswered"]).toBeGreaterThan(1);
    expect(tracker.status).not.toHaveProperty("heardMsAgo");
    bus.start();
    clock.runUntil(21_000);
    expect(tracker.status).toMatchObject({ stations: ["station-1"], changes: 1, unanswered: 0 });
    expect(tracker.directory.stations).toEqual(["station-1"]);
    const heardMsAgo = Number(tracker.status["heardMsAgo"]);
    expect(heardMsAgo).toBeLessThanOrEqual(1_000);
    bus.stop();
    clock.runUntil(clock.nowMs() + 20_000);
    expect(tracker.status["heardMsAgo"]).toBe(heardMsAgo + 20_000);
    expect(tracker.status).toMatchObject({ stations: ["station-1"], changes: 1 });
  });

  it("passes on no name that cannot stand in a subject", () => {
    const { clock, tracker } = setup(() => ({
      stations: ["station-1", "a.b"],
      leader: "*",
      transponders: ["", "t-1", "t 2"],
      monitors: [">", "m-1"],
    }));
    clock.runUntil(10);
    expect(tracker.directory).toEqual({
      stations: ["station-1"],
      leader: "",
      transponders: ["t-1"],
      monitors: ["m-1"],
    });
  });
});
