import { encodeStateResult, type Lease, Post, type Query, type QueryReplyBody, subjectsOf } from "@halon/proto";
import { decodeSubmit, encodeReply } from "@halon/replicated-log";
import { type Random, VirtualClock } from "@halon/runtime";
import { MemoryBus } from "@halon/transport-memory";
import { describe, expect, it } from "vitest";
import { type Coordinator, createCoordinator, Resident } from "../src/index.ts";

const random: Random = { u32: () => 7 };
const S = subjectsOf("c");

/** Stations that answer what they are told to answer, and take every checkpoint. */
class Stations {
  readonly clock = new VirtualClock();
  readonly bus = new MemoryBus({ clock: this.clock, random });
  readonly asked: { readonly station: string; readonly query: Query }[] = [];
  readonly #lease: Readonly<Record<string, { readonly applied: number; readonly lease: Lease }>>;

  constructor(lease: Readonly<Record<string, { readonly applied: number; readonly lease: Lease }>>) {
    this.#lease = lease;
    const post = this.post("stations");
    const stations = Object.keys(lease);
    const directory = { stations, leader: "", transponders: [], monitors: [] };
    post.subscribe(S.directory, "directoryRequest", ({ respond }) =>
      respond?.({ kind: "directory", value: directory }),
    );
    for (const station of stations) {
      post.subscribe(S.stationSubmit(station), "submit", ({ value, respond }) => {
        const taken = { applied: true, lease: at(0, 2, 1).lease, logTimeMs: 6 };
        const result = encodeStateResult({ kind: "checkpoint", value: taken });
        const outcomes = decodeSubmit(value.bytes).map(() => ({ kind: "result", result }) as const);
        respond?.({ kind: "submitReply", value: { bytes: encodeReply(outcomes) } });
      });
      post.subscribe(S.stationQuery(station), "query", ({ value, respond }) => {
        this.asked.push({ station, query: value });
        // Held, as by a station that has no event: an answer at once would be asked for again at once.
        if (value.body?.kind === "lane") return;
        const { applied } = lease[station] ?? { applied: 0 };
        respond?.({ kind: "queryReply", value: { applied, logTimeMs: 5, body: this.#answer(station, value) } });
      });
    }
  }

  post(sender: string): Post {
    return new Post(this.bus.open(sender), random, { cluster: "c", sender });
  }

  coordinator(node: string, epoch: number, stops: string[] = []): Coordinator {
    const { clock } = this;
    const post = this.post(`${node}.coordinator-${epoch}-${stops.length}`);
    return createCoordinator({ node, epoch }, { clock, random, post, onStop: (reason) => stops.push(reason) });
  }

  #answer(station: string, { body, minApplied }: Query): QueryReplyBody {
    const { applied = 0, lease = { epoch: 0, holder: "", checkpoint: 0 } } = this.#lease[station] ?? {};
    if (applied < minApplied) return { kind: "refused", value: "not applied here yet" };
    if (body?.kind === "lease") return { kind: "lease", value: lease };
    return { kind: "page", value: { entries: [], more: false } };
  }
}

const at = (applied: number, epoch: number, checkpoint = 0) => ({ applied, lease: { epoch, holder: "a", checkpoint } });

describe("loading", () => {
  it("leaves its own station for the next one while that has not heard of the epoch", () => {
    const stations = new Stations({ a: at(10, 1, 7), b: at(11, 1, 8), c: at(20, 2) });
    const coordinator = stations.coordinator("a", 2);
    stations.clock.runUntil(2_000);
    const pages = stations.asked.filter(({ query }) => query.body?.kind === "page");
    expect(new Set(pages.map(({ station }) => station))).toEqual(new Set(["c"]));
    expect(pages.every(({ query }) => query.minApplied === 20)).toBe(true);
    expect(coordinator.status()).toMatchObject({ epoch: 2, acting: true });
    // Less would be a queue with events that an earlier coordinator has consumed.
    const events = stations.asked.filter(({ query }) => query.body?.kind === "lane");
    expect(events.length).toBeGreaterThan(0);
    expect(events.every(({ query }) => query.minApplied === 20)).toBe(true);
    coordinator.stop();
  });

  it.each([
    ["a later epoch is in force", at(10, 3), "a later epoch than 2 is in force: 3"],
    ["its epoch was begun by another", at(10, 2, 1), "another coordinator has begun epoch 2"],
  ])("refuses itself when %s", (_, present, why) => {
    const stations = new Stations({ a: present });
    const stops: string[] = [];
    stations.coordinator("a", 2, stops);
    stations.clock.runUntil(1_000);
    expect(stops).toEqual([why]);
  });
});

describe("a resident coordinator", () => {
  const activate = (stations: Stations, epoch: number, node = "a"): string => {
    let outcome = "none";
    const post = stations.post(`agent-${stations.clock.nowMs()}-${epoch}`);
    post.request(
      S.residentCoordinator("a"),
      { kind: "activate", value: { epoch, node } },
      "activateReply",
      100,
      (got) => {
        outcome = got.kind === "reply" ? got.value.outcome : got.kind;
      },
    );
    stations.clock.runUntil(stations.clock.nowMs() + 50);
    return outcome;
  };

  it("runs each epoch once, gives way to a higher one, and waits again", () => {
    const stations = new Stations({ a: at(10, 2, 0) });
    const runs: { epoch: number; isStopped: boolean; end: (reason: string) => void }[] = [];
    const run = (epoch: number, end: (reason: string) => void): Coordinator => {
      const made = { epoch, isStopped: false, end };
      runs.push(made);
      return {
        status: () => ({ acting: true }),
        stop: () => {
          made.isStopped = true;
        },
      };
    };
    const resident = new Resident("a", { post: stations.post("a.coordinator"), run });
    expect(resident.status).toMatchObject({ waiting: true });
    expect(activate(stations, 2, "b")).toBe("refused");
    expect(activate(stations, 2)).toBe("started");
    expect(activate(stations, 2)).toBe("running");
    expect(activate(stations, 1)).toBe("refused");
    expect(activate(stations, 4)).toBe("started");
    expect(runs.map(({ epoch, isStopped }) => [epoch, isStopped])).toEqual([
      [2, true],
      [4, false],
    ]);
    runs[0]?.end("late word of the first");
    expect(resident.status).toMatchObject({ waiting: false, epoch: 4, acting: true });
    runs[1]?.end("over");
    expect(resident.status).toMatchObject({ waiting: true, epoch: 4 });
    expect(activate(stations, 4)).toBe("refused");
    expect(activate(stations, 5)).toBe("started");
    resident.stop();
    expect(runs[2]?.isStopped).toBe(true);
    expect(activate(stations, 6)).toBe("noResponders");
  });
});
