import { type Directory, type Group, Post, subjectsOf } from "@halon/proto";
import { VirtualClock } from "@halon/runtime";
import { MemoryBus } from "@halon/transport-memory";
import { describe, expect, it } from "vitest";
import { GroupSearch } from "../src/joining.ts";

const GROUP: Group = { clusterId: "id1", members: ["a.0", "b.0", "c.0"] };
const DIRECTORY: Directory = { stations: ["a", "b", "c"], leader: "b", transponders: [], monitors: [], group: GROUP };

/** What a station finds that asks others who answer with `directory`. */
function search(directory: () => Directory | undefined, clusterId?: string) {
  const clock = new VirtualClock();
  const random = { u32: () => 7 };
  const bus = new MemoryBus({ clock, random });
  const postOf = (name: string): Post => new Post(bus.open(name), random, { cluster: "c", sender: name });
  postOf("a.station-replica").subscribe(subjectsOf("c").directory, "directoryRequest", ({ respond }) => {
    const value = directory();
    if (value !== undefined) respond?.({ kind: "directory", value });
  });
  const found: Group[] = [];
  const group = new GroupSearch(clusterId, {
    clock,
    post: postOf("d.station-replica"),
    onFound: (each) => found.push(each),
  });
  return { clock, found, group };
}

describe("looking for the group", () => {
  it("finds the one that answers and is led, once", () => {
    const { clock, found } = search(() => DIRECTORY);
    clock.runUntil(clock.nowMs() + 5_000);
    expect(found).toEqual([GROUP]);
  });

  it("does not find one that nobody leads, and says what to do, until somebody does", () => {
    let leader = "";
    const { clock, found, group } = search(() => ({ ...DIRECTORY, leader }));
    clock.runUntil(clock.nowMs() + 3_000);
    expect(found).toEqual([]);
    expect(group.why).toMatch(/nobody leads: a majority of a, b, c must run .* halonctl station recover$/);
    leader = "c";
    clock.runUntil(clock.nowMs() + 1_500);
    expect(found).toEqual([GROUP]);
  });

  it("does not take another group, nor one that does not say which it is", () => {
    const other = search(() => DIRECTORY, "id2");
    other.clock.runUntil(3_000);
    expect(other.found).toEqual([]);
    expect(other.group.why).toMatch(/are of the group with the id id1, and this one is of id2/);
    const { group: _, ...nameless } = DIRECTORY;
    const silent = search(() => nameless);
    silent.clock.runUntil(3_000);
    expect([silent.found, silent.group.why]).toEqual([[], expect.stringMatching(/^No other station answers/)]);
  });

  it("goes on asking while nobody answers, and stops when it is told to", () => {
    let asked = 0;
    const { clock, group } = search(() => {
      asked++;
      return undefined;
    });
    clock.runUntil(clock.nowMs() + 3_500);
    expect(asked).toBe(4);
    group.stop();
    clock.runUntil(clock.nowMs() + 3_500);
    expect(asked).toBe(4);
  });
});
