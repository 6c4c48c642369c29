import { EVENTS_MAX, GAPS_MAX, QUEUE_BYTES_MAX, WINDOW } from "@halon/event-queue";
import type { Event } from "@halon/proto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EventFields, event, group, names, Queue } from "./queue.ts";

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
    const { stored } = fill(queue, EVENTS_MAX, { priority: 1 });
    // No type has more than half of it.
    expect(stored).toBe(EVENTS_MAX / 2);
    fill(queue, EVENTS_MAX, { priority: 1, type: "other", producer: "o" });
    expect(queue.count).toBe(EVENTS_MAX);
    const [full, known] = queue.enqueue(event(1, { producer: "q", type: "third", priority: 1 }), event(1));
    expect([full?.kind, known?.kind]).toEqual(["full", "duplicate"]);
    expect(full?.message).toMatch(/coordinator/);
    queue.consume(1);
    expect(queue.enqueue(event(1, { producer: "q", type: "third", priority: 1 }))[0]?.kind).toBe("stored");
    expect(queue.status.counters).toMatchObject({ stored: EVENTS_MAX + 1, consumed: 1, duplicates: 1 });
  });

  it("keeps room for what is urgent: a lane below has its share, and no more", () => {
    const queue = new Queue();
    const flood = (priority: number): number =>
      ["a", "b", "c"].reduce(
        (sum, type) => sum + fill(queue, EVENTS_MAX, { priority, type, producer: `${type}${priority}` }).stored,
        0,
      );
    expect(flood(3)).toBe(EVENTS_MAX * 0.5);
    expect(flood(2)).toBe(EVENTS_MAX * 0.3);
    expect(flood(1)).toBe(EVENTS_MAX * 0.2);
  });

  it("is full by bytes as well", () => {
    const queue = new Queue();
    const payload = new Uint8Array(190 * 1024);
    let seq = 0;
    while (
      queue.enqueue(event(++seq, { payload, lowest: seq, type: seq % 2 === 0 ? "a" : "b", priority: 1 }))[0]?.kind ===
      "stored"
    );
    expect(seq * payload.byteLength).toBeGreaterThan(QUEUE_BYTES_MAX - 2 * payload.byteLength);
    expect(seq * payload.byteLength).toBeLessThan(QUEUE_BYTES_MAX + 2 * payload.byteLength);
  });

  it("takes no event that would make one gap too many, and all of them once the first has come", () => {
    const queue = new Queue();
    const odd = Array.from({ length: GAPS_MAX + 2 }, (_, at) => event(2 * at + 3));
    const kinds = queue.enqueue(...odd).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "stored")).toHaveLength(GAPS_MAX);
    expect(kinds.slice(-2)).toEqual(["full", "full"]);
    const even = Array.from({ length: GAPS_MAX + 3 }, (_, at) => event(2 * at + 2));
    queue.enqueue(event(1), ...even);
    expect(queue.enqueue(...odd.slice(-2)).map(({ kind }) => kind)).toEqual(["stored", "stored"]);
  });

  it("a group is as good as its events one by one, whatever came before", () => {
    const offered = fc.record({
      first: fc.integer({ min: 1, max: 30 }),
      count: fc.integer({ min: 1, max: 12 }),
      lowest: fc.integer({ min: 1, max: 20 }),
    });
    const command = fc.oneof(offered, fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(8)));
    fc.assert(
      fc.property(fc.array(command, { maxLength: 25 }), (commands) => {
        const grouped = new Queue();
        const single = new Queue();
        for (const each of commands)
          if ("count" in each) {
            const { first, count, lowest } = each;
            const outcomes = grouped.enqueueGroups(group(first, count, { lowest: Math.min(lowest, first) }));
            const kinds = outcomes.flatMap(({ kind, count: times }) => Array.from({ length: times ?? 1 }, () => kind));
            const events = Array.from({ length: count }, (_, at) =>
              event(first + at, { lowest: Math.min(lowest, first) }),
            );
            expect(kinds).toEqual(single.enqueue(...events).map(({ kind }) => kind));
          } else {
            const [first, length] = each;
            grouped.consumeRange(2, first, first + length);
            single.consume(...Array.from({ length: length + 1 }, (_, at) => first + at));
          }
        expect(grouped.count).toBe(single.count);
        const positions = (queue: Queue) => queue.after(0).map(({ position, event: each }) => [position, each]);
        expect(positions(grouped)).toEqual(positions(single));
        expect(grouped.status.counters).toEqual(single.status.counters);
        const all = grouped.after(0).map(({ position }) => position);
        grouped.consume(...all);
        expect([grouped.keys, grouped.store.range({ from: "qx", to: "qy" })]).toEqual([[], []]);
        const [, normal] = grouped.status.priorities;
        expect(normal).toMatchObject({ events: 0, bytes: 0, oldest: 0 });
        expect(grouped.status.types).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

/** Offers groups until one is not taken whole. */
function fill(queue: Queue, count: number, fields: EventFields): { readonly stored: number } {
  const payload = new Uint8Array(0);
  let stored = 0;
  for (let first = 1; first <= count; first += 4_000) {
    const [outcome, ...others] = queue.enqueueGroups(group(first, 4_000, { ...fields, payload, lowest: first }));
    if (outcome?.kind === "stored") stored += outcome.count ?? 0;
    if (others.length > 0 || outcome?.kind !== "stored") break;
  }
  return { stored };
}
