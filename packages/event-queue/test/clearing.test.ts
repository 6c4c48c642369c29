import { describe, expect, it } from "vitest";
import { Coordinator } from "./coordinator.ts";
import { event, group, names, Queue } from "./queue.ts";

describe("clearing", () => {
  it("E8 takes what stood up to a position; what is added after it is delivered", () => {
    const queue = new Queue();
    queue.enqueueGroups(group(1, 10));
    queue.consume(2);
    expect(queue.clear({ through: 6 })).toEqual({ cleared: 5, next: 0 });
    expect(names(queue.after(0))).toEqual(["p/7", "p/8", "p/9", "p/10"]);
    queue.enqueue(event(11));
    // Repeated, it takes away no more.
    expect(queue.clear({ through: 6 })).toEqual({ cleared: 0, next: 0 });
    expect(new Coordinator(queue).pull().map(({ position }) => position)).toEqual([7, 8, 9, 10, 11]);
    // A retry of what was cleared is not stored again.
    expect(queue.enqueue(event(1))[0]?.kind).toBe("duplicate");
    expect(queue.status.counters).toMatchObject({ stored: 11, consumed: 1, cleared: 5 });
  });

  it("E8 of one type and one lane only, when asked so", () => {
    const queue = new Queue();
    queue.enqueue(event(1), event(2, { type: "other" }), event(3, { priority: 3 }), event(4));
    queue.clear({ through: 9, type: "test" });
    expect(names(queue.after(0))).toEqual(["p/2", "p/3"]);
    queue.clear({ through: 9, priority: 3 });
    expect(names(queue.after(0))).toEqual(["p/2"]);
    expect(queue.clear({ through: 9, priority: 0 })).toEqual({ cleared: 0, next: 0 });
  });

  it("E8 goes in steps of bounded length, each from where the one before has left off", () => {
    const queue = new Queue();
    for (let seq = 1; seq <= 2_500; seq++)
      queue.enqueue(event(seq, { lowest: seq, type: seq % 2 === 0 ? "even" : "odd" }));
    const steps: number[] = [];
    for (let from = 0; ; ) {
      const { cleared, next } = queue.clear({ from, through: 2_400, type: "even" });
      steps.push(cleared);
      if (next === 0) break;
      from = next;
    }
    expect(steps).toEqual([512, 512, 176]);
    expect(queue.status.types.map(({ name, events }) => [name, events])).toEqual([
      ["odd", 1_250],
      ["even", 50],
    ]);
  });
});

it("tells how much waits, by priority and by type, and since when", () => {
  const queue = new Queue();
  queue.logTimeMs = 50;
  queue.enqueueGroups(group(1, 3, { type: "node-up" }), group(4, 5), group(9, 1, { priority: 3 }));
  queue.logTimeMs = 90;
  queue.enqueue(event(10, { type: "Bad Type" }), event(1));
  queue.consume(1, 4);
  const { priorities, ...rest } = queue.status;
  expect(
    priorities.map(({ name, events, oldest, oldestLogTimeMs }) => [name, events, oldest, oldestLogTimeMs]),
  ).toEqual([
    ["urgent", 2, 2, 50],
    ["normal", 4, 5, 50],
    ["bulk", 1, 9, 50],
  ]);
  expect(rest.types.map(({ name, events }) => [name, events])).toEqual([
    ["test", 5],
    ["node-up", 2],
  ]);
  expect(rest).toMatchObject({
    moreTypes: false,
    last: 9,
    producers: 1,
    counters: { stored: 9, consumed: 2, refused: 1, duplicates: 1, cleared: 0 },
  });
});
