import { PRODUCERS_MAX, WINDOW } from "@halon/event-queue";
import type { Event } from "@halon/proto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { event, names, Queue } from "./queue.ts";

/** The queue, obviously right and slow: remembers everything for ever. */
class Twin {
  readonly waiting = new Map<number, string>();
  readonly #taken = new Map<string, Set<number>>();
  readonly #lowest = new Map<string, number>();
  #position = 0;

  enqueue({ id, lowest }: Event): string {
    const { producer, seq } = id ?? { producer: "", seq: 0 };
    const taken = this.#taken.get(producer) ?? new Set();
    this.#taken.set(producer, taken);
    const answered = Math.max(this.#lowest.get(producer) ?? 1, Math.min(lowest, seq));
    this.#lowest.set(producer, answered);
    if (seq < answered || taken.has(seq)) return "duplicate";
    let low = answered;
    while (taken.has(low)) low++;
    if (seq >= low + WINDOW) return "refused";
    taken.add(seq);
    this.waiting.set(++this.#position, `${producer}/${seq}`);
    return "stored";
  }
}

const offered = fc.record({
  producer: fc.constantFrom("a", "b"),
  seq: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 1, max: 12 }) },
    fc.integer({ min: 1, max: 2 * WINDOW + 20 }),
  ),
  lowest: fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.integer({ min: 0, max: 2 * WINDOW })),
});
const command = fc.oneof(
  { weight: 3, arbitrary: fc.array(offered, { maxLength: 6 }) },
  fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 }),
);

const isConsume = (items: readonly unknown[]): items is readonly number[] => typeof items[0] === "number";

describe("queue state", () => {
  it("agrees with its dumb twin over any commands", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), (commands, limit) => {
        const queue = new Queue();
        const twin = new Twin();
        for (const items of commands) {
          queue.logTimeMs += 40_000;
          if (isConsume(items)) {
            queue.consume(...items);
            for (const position of items) twin.waiting.delete(position);
          } else {
            const events = (items as { producer: string; seq: number; lowest: number }[]).map(({ seq, ...fields }) =>
              event(seq, fields),
            );
            const expected = events.map((each) => twin.enqueue(each));
            expect(queue.enqueue(...events).map(({ kind }) => kind)).toEqual(expected);
          }
          expect(queue.count).toBe(twin.waiting.size);
        }
        const read: string[] = [];
        for (let page = queue.after(0, limit); page.length > 0; page = queue.after(page.at(-1)?.position ?? 0, limit))
          read.push(...names(page));
        expect(read).toEqual([...twin.waiting.values()]);
      }),
      { numRuns: 200 },
    );
  });

  it("gives out large events a few at a time, and always at least one", () => {
    const queue = new Queue();
    for (let seq = 1; seq <= 6; seq++) queue.enqueue(event(seq, { payload: new Uint8Array(190 * 1024) }));
    const pages: number[] = [];
    for (let page = queue.after(0); page.length > 0; page = queue.after(page.at(-1)?.position ?? 0))
      pages.push(page.length);
    expect(pages).toEqual([2, 2, 2]);
  });

  it("answers `full` at its limit, but knows what it has, and takes more once something is consumed", () => {
    const queue = new Queue();
    queue.enqueue(event(1));
    queue.store.write([{ kind: "put", key: "qc", value: new TextEncoder().encode("100000") }]);
    const [full, known] = queue.enqueue(event(2), event(1));
    expect([full?.kind, known?.kind]).toEqual(["full", "duplicate"]);
    expect(full?.message).toMatch(/coordinator/);
    queue.consume(1);
    expect(queue.enqueue(event(2))[0]?.kind).toBe("stored");
  });

  it("forgets, of too many producers, the one that was silent for longest", () => {
    const queue = new Queue();
    const of = (producer: number, seq: number): Event => event(seq, { producer: `p${producer}` });
    for (let first = 0; first < PRODUCERS_MAX; first += 2_048) {
      queue.logTimeMs += 1_000;
      queue.enqueue(...Array.from({ length: 2_048 }, (_, at) => of(first + at, 1)));
    }
    queue.logTimeMs += 100_000;
    // The oldest speaks in the same breath in which a new one comes: it is another that goes.
    const outcomes = queue.enqueue(of(0, 2), of(PRODUCERS_MAX, 1), of(0, 1), of(2, 1), of(1, 1));
    expect(outcomes.map(({ kind }) => kind)).toEqual(["stored", "stored", "duplicate", "duplicate", "stored"]);
    const remembered = queue.store.range({ from: "qp/", to: "qp0" }).length;
    const used = queue.store.range({ from: "qu/", to: "qu0" }).length;
    expect([remembered, used]).toEqual([PRODUCERS_MAX, PRODUCERS_MAX]);
  });
});
