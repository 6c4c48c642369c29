import { FORGET_MS, HEARD_MS, PRODUCERS_MAX } from "@halon/event-queue";
import type { Event } from "@halon/proto";
import { describe, expect, it } from "vitest";
import { event, names, Queue } from "./queue.ts";

const of = (producer: number, seq: number): Event => event(seq, { producer: `p${producer}` });
const kinds = (outcomes: readonly { readonly kind: string }[]): readonly string[] => outcomes.map(({ kind }) => kind);

/** As if `count` producers had been heard, a millisecond apart, each with one event stored. */
function remember(queue: Queue, count: number): void {
  const text = new TextEncoder();
  const put = (key: string, value: string) => ({ kind: "put", key, value: text.encode(value) }) as const;
  for (let first = 0; first < count; first += 8_192) {
    const batch = Array.from({ length: Math.min(8_192, count - first) }, (_, at) => first + at);
    queue.store.write(
      batch.flatMap((each) => [
        put(`qp/p${each}/i`, JSON.stringify({ low: 2, seen: [], usedMs: each })),
        put(`qu/${String(each).padStart(16, "0")}/p${each}/i`, ""),
      ]),
    );
  }
  queue.store.write([put("qpc", JSON.stringify({ count, dueMs: 0 }))]);
  queue.logTimeMs = count;
}

describe("producers", () => {
  it("E4 one that was silent for a day of log time is forgotten: its retry fails as such, and is counted", () => {
    const queue = new Queue();
    expect(queue.register("p")).toBe(true);
    expect(kinds(queue.enqueue(event(1, { registered: true })))).toEqual(["stored"]);
    queue.consume(1);
    queue.logTimeMs += FORGET_MS;
    expect(kinds(queue.enqueue(event(1, { registered: true })))).toEqual(["duplicate"]);
    queue.logTimeMs += FORGET_MS + 1;
    queue.register("other");
    expect(queue.status).toMatchObject({ producers: 1, counters: { forgotten: 1 } });
    const [outcome] = queue.enqueue(event(1, { registered: true }));
    expect(outcome).toMatchObject({ kind: "forgotten", message: expect.stringContaining("ProducerForgotten") });
    expect([queue.count, queue.status.counters["producerForgotten"]]).toEqual([0, 1]);
  });

  it("is never forgotten while it speaks, however seldom", () => {
    const queue = new Queue();
    for (let seq = 1; seq < 30; seq++) {
      expect(kinds(queue.enqueue(event(seq, { lowest: seq, registered: seq > 1 })))).toEqual(["stored"]);
      queue.logTimeMs += FORGET_MS - 60_000;
      queue.register(`other-${seq}`);
    }
    expect(kinds(queue.enqueue(event(29, { registered: true })))).toEqual(["duplicate"]);
  });

  it("many that are forgotten at once go a few at a time, and all go", () => {
    const queue = new Queue();
    for (let producer = 0; producer < 100; producer++) queue.register(`p${producer}`);
    queue.logTimeMs += FORGET_MS + 1;
    let most = 0;
    for (let before = 100; queue.status.producers > 1; before = queue.status.producers) {
      queue.register("late");
      most = Math.max(most, before - queue.status.producers);
    }
    expect(most).toBeLessThanOrEqual(16);
    expect(queue.store.range({ from: "qu/", to: "qu0" })).toHaveLength(1);
  });

  it("forgets, of too many producers, the one that was silent for longest; none that was heard lately", () => {
    const queue = new Queue();
    queue.enqueue(of(0, 1));
    remember(queue, PRODUCERS_MAX);
    expect(kinds(queue.enqueue(of(PRODUCERS_MAX, 1), of(0, 1)))).toEqual(["full", "duplicate"]);
    expect(queue.register(`p${PRODUCERS_MAX}`)).toBe(false);
    queue.logTimeMs += HEARD_MS + 10_000;
    // The oldest speaks in the same breath in which a new one comes: it is another that goes.
    const outcomes = queue.enqueue(of(0, 2), of(PRODUCERS_MAX, 1), of(0, 1), of(2, 1), of(1, 1));
    expect(kinds(outcomes)).toEqual(["stored", "stored", "duplicate", "duplicate", "stored"]);
    const remembered = queue.store.range({ from: "qp/", to: "qp0" }).length;
    const used = queue.store.range({ from: "qu/", to: "qu0" }).length;
    expect([remembered, used, queue.status.producers]).toEqual([PRODUCERS_MAX, PRODUCERS_MAX, PRODUCERS_MAX]);
    expect(names(queue.after(0, 1))).toEqual(["p0/1"]);
  });
});
