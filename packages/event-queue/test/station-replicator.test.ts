import { EqTracker } from "@halon/eq-tracker";
import { Post, subjectsOf } from "@halon/proto";
import { encodeReply, type Outcome } from "@halon/replicated-log";
import { type Random, VirtualClock } from "@halon/runtime";
import { MemoryBus } from "@halon/transport-memory";
import { expect, it } from "vitest";
import { createStationReplicator } from "../src/index.ts";

it("follows a redirection to a member by its node, whatever incarnation it names", () => {
  const clock = new VirtualClock();
  const random: Random = { u32: () => 7 };
  const bus = new MemoryBus({ clock, random });
  const open = (sender: string): Post => new Post(bus.open(sender), random, { cluster: "c", sender });
  const subjects = subjectsOf("c");
  const serve = (node: string, outcome: Outcome): void => {
    const post = open(`${node}.station-replica`);
    post.subscribe(subjects.stationSubmit(node), "submit", ({ respond }) =>
      respond?.({ kind: "submitReply", value: { bytes: encodeReply([outcome]) } }),
    );
    // It does not know who leads, as its directory is of before the election.
    const value = { stations: ["a", "b"], leader: "", transponders: [], monitors: [] };
    post.subscribe(subjects.directory, "directoryRequest", ({ respond }) => respond?.({ kind: "directory", value }));
  };
  serve("a", { kind: "notLeader", leader: "b.9f3a01bc" });
  serve("b", { kind: "result", result: new Uint8Array([1]) });
  const ports = { clock, random, post: open("x.client") };
  const replicator = createStationReplicator({ ...ports, tracker: new EqTracker(ports) });
  const outcomes: string[] = [];
  replicator.update(new Uint8Array(1), { idempotent: true }, ({ kind }) => outcomes.push(kind));
  clock.runUntil(3_000);
  expect(outcomes).toEqual(["result"]);
});
