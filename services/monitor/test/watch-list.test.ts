import { encodeLease, type Lease, Post, type Query, type QueryReplyBody, subjectsOf } from "@halon/proto";
import { type Random, VirtualClock } from "@halon/runtime";
import { MemoryBus } from "@halon/transport-memory";
import { describe, expect, it } from "vitest";
import type { Listing } from "../src/core/monitor-io.ts";
import { WatchList } from "../src/watch-list.ts";

const random: Random = { u32: () => 0 };
const value = (sessionLast: number) =>
  new TextEncoder().encode(JSON.stringify({ state: "up", sessionLast, sessions: [], accusations: [] }));

/** One station, which may lag behind what the log says, and a watch list that reads from it. */
class Bench {
  readonly clock = new VirtualClock(1_000);
  readonly list: WatchList;
  readonly asked: Query[] = [];
  /** Through the log. */
  decided: Lease = { epoch: 2, holder: "station-1", checkpoint: 7 };
  /** Questions through the log that wait for a quorum. */
  readonly waiting: (() => void)[] = [];
  hasQuorum = true;
  /** At the station. */
  applied: Lease = { epoch: 2, holder: "station-1", checkpoint: 6 };
  sessionLast = 3;

  constructor() {
    const { clock } = this;
    const bus = new MemoryBus({ clock, random });
    const open = (sender: string): Post => new Post(bus.open(sender), random, { cluster: "c", sender });
    open("station-1.station-replica").subscribe(
      subjectsOf("c").stationQuery("station-1"),
      "query",
      ({ value: query, respond }) => {
        this.asked.push(query);
        const body: QueryReplyBody =
          query.body?.kind === "lease"
            ? { kind: "lease", value: this.applied }
            : {
                kind: "page",
                value: { entries: [{ key: "g/v/Node/u1", value: value(this.sessionLast) }], more: false },
              };
        respond?.({ kind: "queryReply", value: { applied: this.applied.checkpoint, logTimeMs: 0, body } });
      },
    );
    const directory = { stations: ["station-1"], leader: "station-1", transponders: [], monitors: [] };
    this.list = new WatchList("m1", {
      clock,
      random,
      post: open("m1.monitor"),
      tracker: { directory, refresh: () => undefined },
      replicator: {
        query: (_, done) => {
          const answer = (): void => done({ kind: "result", result: encodeLease(this.decided) });
          if (this.hasQuorum) return clock.at(clock.nowMs(), answer);
          this.waiting.push(answer);
          return () => undefined;
        },
      },
    });
  }

  read(): Listing | "nothing" | "no answer" {
    let found: Listing | "nothing" | "no answer" = "no answer";
    this.list.read((listing) => {
      found = listing ?? "nothing";
    });
    this.clock.runUntil(this.clock.nowMs() + 100);
    return found;
  }
}

const listed = (sessionLast: number) => ({ nodes: [expect.objectContaining({ node: "u1", sessionLast })] });

describe("the watch list", () => {
  it("is first read from a station that misses nothing decided before", () => {
    const bench = new Bench();
    expect(bench.read()).toBe("nothing");
    expect(bench.asked.map(({ body }) => body?.kind)).toEqual(["lease"]);
    bench.applied = { ...bench.applied, epoch: 1, checkpoint: 90 };
    expect(bench.read()).toBe("nothing");
    bench.applied = { ...bench.decided };
    bench.sessionLast = 4;
    expect(bench.read()).toMatchObject(listed(4));
    expect(bench.read()).toMatchObject(listed(4));
    expect(bench.asked.map(({ body }) => body?.kind)).toEqual(["lease", "lease", "lease", "page", "page"]);
    expect(bench.asked.at(-1)?.minApplied).toBe(90);
  });

  it("takes a later epoch for later, whatever its checkpoint", () => {
    const bench = new Bench();
    bench.applied = { epoch: 3, holder: "station-2", checkpoint: 0 };
    expect(bench.read()).toMatchObject(listed(3));
  });

  it("is not read before a quorum of stations answers", () => {
    const bench = new Bench();
    bench.hasQuorum = false;
    bench.applied = bench.decided;
    expect(bench.read()).toBe("no answer");
    expect(bench.asked).toEqual([]);
    let found: Listing | undefined;
    bench.hasQuorum = true;
    bench.list.read((listing) => {
      found = listing;
    });
    bench.clock.runUntil(bench.clock.nowMs() + 100);
    expect(found).toMatchObject(listed(3));
  });
});
