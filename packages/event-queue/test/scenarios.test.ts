import { EVENT_BYTES_MAX } from "@halon/event-queue";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Coordinator } from "./coordinator.ts";
import { event, names, Queue } from "./queue.ts";

describe("event queue", () => {
  it("E1 a fresh queue is empty; events stored with no coordinator are delivered in order when one appears", () => {
    const queue = new Queue();
    expect(queue.count).toBe(0);
    expect(new Coordinator(queue).pull()).toEqual([]);
    for (let seq = 1; seq <= 700; seq++) queue.enqueue(event(seq));
    const expected = Array.from({ length: 700 }, (_, at) => `p/i/${at + 1}`);
    expect(new Coordinator(queue).pull().map(({ id }) => id)).toEqual(expected);
  });

  it("E2 each of ten coordinators receives every event that was not consumed, a live one none twice", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(40), fc.array(fc.nat(200), { maxLength: 40 })), { minLength: 10, maxLength: 10 }),
        (reigns) => {
          const queue = new Queue();
          const left = new Map<number, string>();
          let seq = 0;
          for (const [stored, consumed] of reigns) {
            const coordinator = new Coordinator(queue);
            const received: string[] = [];
            const expected = [...left.values()];
            for (let round = 0; round < 2; round++) {
              for (let count = 0; count < stored; count++) {
                const [outcome] = queue.enqueue(event(++seq, { lowest: seq }));
                left.set(outcome?.position ?? 0, `p/i/${seq}`);
                expected.push(`p/i/${seq}`);
              }
              received.push(...coordinator.pull().map(({ id }) => id));
              // Consumed in any order, some of them twice, some that never were.
              const positions = consumed.map((at) => coordinator.received[at]?.position ?? 100_000 + at);
              queue.consume(...positions);
              for (const position of positions) left.delete(position);
              expect(queue.count).toBe(left.size);
            }
            expect(received).toEqual(expected);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it("E3 trimming is idempotent, and trimming what never was is no error", () => {
    const queue = new Queue();
    queue.enqueue(event(1), event(2));
    queue.consume(1, 1, 7_000);
    queue.consume(1);
    expect([queue.count, names(queue.after(0))]).toEqual([1, ["p/2"]]);
  });

  it("E6 a retry of an event that was consumed is not stored again", () => {
    const queue = new Queue();
    queue.enqueue(event(1), event(2));
    queue.consume(1, 2);
    const kinds = queue.enqueue(event(1), event(2), event(3)).map(({ kind }) => kind);
    expect(kinds).toEqual(["duplicate", "duplicate", "stored"]);
    expect(names(queue.after(0))).toEqual(["p/3"]);
  });

  it("E7 what is too large or malformed is refused by itself, with a remedy", () => {
    const queue = new Queue();
    const outcomes = queue.enqueue(
      event(1, { payload: new Uint8Array(EVENT_BYTES_MAX + 1) }),
      event(2, { type: "No Type" }),
      { ...event(3), id: { producer: "", incarnation: "i", seq: 3 } },
      event(0),
      event(4),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(["refused", "refused", "refused", "refused", "stored"]);
    for (const { kind, message } of outcomes)
      expect(message).toMatch(kind === "refused" ? /: (at most|use|producer)/ : /^$/);
    expect(names(queue.after(0))).toEqual(["p/4"]);
  });
});
