import { EventFeed, LANE_EVENTS_MAX, type LaneNumber, packed } from "@halon/event-queue";
import type { LanePiece } from "@halon/proto";
import { describe, expect, it } from "vitest";
import { Coordinator } from "./coordinator.ts";
import { group, Queue } from "./queue.ts";

const piece = (position: number, count: number, consumed: LanePiece["consumed"] = []): LanePiece => {
  const payloads = Array.from({ length: count }, (_, at) => new Uint8Array([position + at]));
  const id = { producer: "p", incarnation: "i", first: position, lowest: 1 };
  const rest = { priority: 0, type: "t", traceparent: "", registered: true, ...packed(payloads) };
  return { stored: { position, logTimeMs: 7, group: { ...id, ...rest } }, consumed };
};

/** Answers all open questions, those of the lanes not named with nothing. */
function answer(feed: EventFeed, pieces: Partial<Record<LaneNumber, readonly LanePiece[]>>, nowMs = 0): void {
  for (const { ask, lane } of feed.asks(nowMs)) feed.onAnswer(ask, pieces[lane] ?? [], nowMs);
}

function drain(feed: EventFeed): readonly number[] {
  const positions: number[] = [];
  for (let next = feed.next(); next !== undefined; next = feed.next()) positions.push(next.position);
  return positions;
}

describe("event feed", () => {
  it("asks behind what it has, and hands out nothing twice", () => {
    const feed = new EventFeed();
    expect(feed.asks(0).map(({ lane, after, mayWait }) => [lane, after, mayWait])).toEqual([
      [1, 0, false],
      [2, 0, false],
      [3, 0, false],
    ]);
    expect(feed.asks(0)).toEqual([]);
    feed.onAnswer(2, [piece(3, 2)], 0);
    expect(drain(feed)).toEqual([3, 4]);
    feed.onAnswer(2, [piece(3, 2)], 0);
    feed.onAnswer(1, [], 0);
    feed.onAnswer(3, [], 0);
    const [, again] = feed.asks(0);
    expect(again).toMatchObject({ lane: 2, after: 4, mayWait: true });
    // A group that overlaps with what it has, as it was consumed in part.
    feed.onAnswer(again?.ask ?? 0, [piece(3, 5)], 0);
    expect(drain(feed)).toEqual([5, 6, 7]);
  });

  it("leaves out what was consumed of a group", () => {
    const feed = new EventFeed();
    const consumed = [
      { first: 1, last: 2, priority: 2 },
      { first: 4, last: 4, priority: 2 },
      { first: 6, last: 6, priority: 2 },
    ];
    answer(feed, { 2: [piece(1, 6, consumed), piece(7, 1, [{ first: 7, last: 7, priority: 2 }]), piece(8, 1)] });
    expect(drain(feed)).toEqual([3, 5, 8]);
  });

  it("asks again after a while when nobody answered", () => {
    const feed = new EventFeed();
    const [first, ...others] = feed.asks(0);
    for (const { ask } of others) feed.onAnswer(ask, [], 0);
    feed.onAnswer(first?.ask ?? 0, undefined, 50);
    expect(feed.asks(50).map(({ lane }) => lane)).toEqual([2, 3]);
    expect(feed.askAgainAtMs(50)).toBe(150);
    expect(feed.asks(150).map(({ lane }) => lane)).toEqual([1]);
  });

  it("holds no more of a lane than its limit, and the others go on", () => {
    const feed = new EventFeed();
    answer(feed, { 2: [piece(1, LANE_EVENTS_MAX)] });
    expect(feed.asks(0).map(({ lane }) => lane)).toEqual([1, 3]);
    feed.next();
    expect(feed.asks(0).map(({ lane }) => lane)).toEqual([2]);
  });

  it("a higher lane goes first; a lower one keeps its share: 3 and 1 of 16", () => {
    const feed = new EventFeed();
    answer(feed, { 1: [piece(1, 120)], 2: [piece(1_001, 60)], 3: [piece(2_001, 30)] });
    const lanes = drain(feed).map((position) => Math.floor(position / 1_000));
    const shares = (of: readonly number[]) => [0, 1, 2].map((lane) => of.filter((each) => each === lane).length);
    expect(shares(lanes.slice(0, 160))).toEqual([120, 30, 10]);
    // Then those that are left.
    expect(shares(lanes)).toEqual([120, 60, 30]);
    expect(lanes.slice(160, 164)).toEqual([1, 1, 1, 1]);
  });

  it("an event that is half dealt with goes before all others, as soon as all lanes have answered", () => {
    const feed = new EventFeed(1_001);
    const asks = feed.asks(0);
    feed.onAnswer(asks[0]?.ask ?? 0, [piece(1, 2)], 0);
    expect(feed.next()).toBeUndefined();
    feed.onAnswer(asks[1]?.ask ?? 0, [piece(1_001, 2)], 0);
    expect(drain(feed)).toEqual([1_001, 1, 2, 1_002]);
    const cleared = new EventFeed(1_001);
    answer(cleared, { 1: [piece(1, 1)], 2: [piece(1_002, 1)] });
    expect(drain(cleared)).toEqual([1, 1_002]);
  });

  it("a flood of one kind does not hold up what is urgent", () => {
    const queue = new Queue();
    for (let first = 1; first < 40_000; first += 4_000) queue.enqueueGroups(group(first, 4_000, { lowest: first }));
    const coordinator = new Coordinator(queue);
    expect(coordinator.pull(100).every(({ type }) => type === "test")).toBe(true);
    queue.enqueueGroups(group(1, 3, { producer: "m", type: "node-unreachable" }));
    const next = coordinator.pull(5).map(({ type }) => type);
    expect(next.filter((type) => type === "node-unreachable")).toHaveLength(3);
    expect(coordinator.pull().length).toBe(40_000 + 3 - 105);
  });
});
