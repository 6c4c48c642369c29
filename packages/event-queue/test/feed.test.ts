import { EventFeed, type FeedOutput, UNSETTLED_MAX } from "@halon/event-queue";
import type { QueuedEvent } from "@halon/proto";
import { describe, expect, it } from "vitest";

const queued = (from: number, count: number): readonly QueuedEvent[] =>
  Array.from({ length: count }, (_, at) => ({ position: from + at, logTimeMs: 0 }));
const kinds = (outputs: readonly FeedOutput[]): readonly string[] => outputs.map(({ kind }) => kind);
const begin = { kind: "timer", name: "", random: 0 } as const;

describe("event feed", () => {
  it("asks behind what it has, and delivers nothing twice", () => {
    const feed = new EventFeed();
    expect(feed.step(begin, 0)).toEqual([{ kind: "ask", ask: 1, after: 0, limit: 256 }]);
    const first = feed.step({ kind: "answer", ask: 1, events: queued(3, 2) }, 0);
    expect(first).toEqual([
      { kind: "deliver", events: queued(3, 2) },
      { kind: "ask", ask: 2, after: 4, limit: 256 },
    ]);
    // An answer that comes late, or again, is nobody's.
    expect(feed.step({ kind: "answer", ask: 1, events: queued(3, 2) }, 0)).toEqual([]);
    expect(feed.step({ kind: "answer", ask: 2, events: queued(3, 3) }, 0)[0]).toEqual({
      kind: "deliver",
      events: queued(5, 1),
    });
  });

  it("asks again after a while when nobody answered, at once when the answer was empty", () => {
    const feed = new EventFeed();
    feed.step(begin, 0);
    expect(feed.step({ kind: "answer", ask: 1, events: undefined }, 50)).toEqual([
      { kind: "timer", name: "retry", atMs: 150 },
    ]);
    expect(kinds(feed.step(begin, 150))).toEqual(["ask"]);
    expect(kinds(feed.step({ kind: "answer", ask: 2, events: [] }, 200))).toEqual(["ask"]);
  });

  it("holds no more than its limit unsettled", () => {
    const feed = new EventFeed();
    let outputs = feed.step(begin, 0);
    let delivered = 0;
    for (let ask = 1; outputs.some(({ kind }) => kind === "ask"); ask++) {
      const asked = outputs.find((output) => output.kind === "ask");
      const limit = asked?.kind === "ask" ? asked.limit : 0;
      outputs = feed.step({ kind: "answer", ask, events: queued(delivered + 1, limit) }, 0);
      delivered += limit;
    }
    expect(delivered).toBe(UNSETTLED_MAX);
    expect(feed.step({ kind: "settled", count: 3 }, 0)).toEqual([
      { kind: "ask", ask: 5, after: UNSETTLED_MAX, limit: 3 },
    ]);
  });
});
