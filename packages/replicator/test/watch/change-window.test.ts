import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChangeWindow, type WindowReading } from "../../src/watch/change-window.ts";
import { ANSWER_BYTES_MAX, bytesOf, type StateChange } from "../../src/watch/watch.ts";

const LIMITS = { changesMax: 12, bytesMax: 2_000 };

const changesOf = (index: number, keys: readonly string[], bytes = 4): StateChange[] =>
  keys.map((key, at) => ({ index, key, value: at % 3 === 2 ? undefined : new Uint8Array(bytes) }));

/** Keeps all that there ever was. */
class Twin {
  readonly all: StateChange[] = [];

  /** Whether `reading` is right about what is behind `after`, and what is missing from it. */
  judge(reading: WindowReading, after: number, prefix: string): void {
    if (reading.kind !== "changes") return;
    const wanted = this.all.filter(
      ({ index, key }) => index > after && index <= reading.upTo && key.startsWith(prefix),
    );
    expect(reading.changes).toEqual(wanted);
  }
}

describe("a change window", () => {
  it("tells all that is behind an index or that something is gone, whatever is noted and asked; and stays bounded", () => {
    const key = fc.constantFrom("a/1", "a/2", "b/1", "b/22", "c");
    const act = fc.oneof(
      fc.record({
        kind: fc.constant("note" as const),
        skipped: fc.nat(3),
        keys: fc.array(key, { maxLength: 6 }),
        bytes: fc.oneof({ arbitrary: fc.nat(300), weight: 20 }, { arbitrary: fc.constant(100_000), weight: 1 }),
      }),
      fc.record({
        kind: fc.constant("read" as const),
        back: fc.nat(20),
        prefix: fc.constantFrom("", "a/", "b/2", "x"),
      }),
    );
    fc.assert(
      fc.property(fc.nat(5), fc.array(act, { maxLength: 80 }), (start, acts) => {
        const twin = new Twin();
        const window = new ChangeWindow(start, LIMITS);
        for (const each of acts) {
          if (each.kind === "note") {
            const index = window.upTo + 1 + each.skipped;
            const changes = changesOf(index, each.keys, each.bytes);
            twin.all.push(...changes);
            window.note(index, changes);
            expect(window.changesCount).toBeLessThanOrEqual(LIMITS.changesMax);
            expect(window.bytesCount).toBeLessThanOrEqual(LIMITS.bytesMax);
          } else {
            const after = window.upTo + 2 - each.back;
            const reading = window.read(after, each.prefix);
            twin.judge(reading, after, each.prefix);
            const kind = after < window.from ? "gone" : after > window.upTo ? "ahead" : "changes";
            expect(reading.kind).toBe(kind);
            if (reading.kind === "changes") expect(reading.upTo).toBe(window.upTo);
          }
        }
        const kept = twin.all.filter(({ index }) => index > window.from);
        expect(window.changesCount).toBe(kept.length);
        expect(window.bytesCount).toBe(kept.reduce((sum, change) => sum + bytesOf(change), 0));
      }),
      { numRuns: 500 },
    );
  });

  it("gives whole decrees, as many as an answer takes, and goes on behind them", () => {
    const window = new ChangeWindow(0, { changesMax: 1_000, bytesMax: 100 * ANSWER_BYTES_MAX });
    const half = Math.floor(ANSWER_BYTES_MAX / 2) - 100;
    for (const index of [1, 2, 3]) window.note(index, changesOf(index, ["k"], half));
    const first = window.read(0, "");
    expect(first.kind === "changes" && [first.upTo, first.changes.length]).toEqual([2, 2]);
    const rest = window.read(2, "");
    expect(rest.kind === "changes" && [rest.upTo, rest.changes.length]).toEqual([3, 1]);
  });

  it("looks through a part at a time when little matches, and says how far", () => {
    const window = new ChangeWindow(0, { changesMax: 100_000, bytesMax: 100 * ANSWER_BYTES_MAX });
    const keys = Array.from({ length: 1_000 }, (_, at) => `k${at}`);
    for (let index = 1; index <= 40; index++) window.note(index, changesOf(index, keys));
    const first = window.read(0, "x");
    expect(first).toEqual({ kind: "changes", upTo: 17, changes: [] });
    expect(window.read(17, "x")).toEqual({ kind: "changes", upTo: 34, changes: [] });
    expect(window.read(34, "x")).toEqual({ kind: "changes", upTo: 40, changes: [] });
  });

  it("gives up a decree that no answer has room for, and all before it", () => {
    const window = new ChangeWindow(0, { changesMax: 1_000, bytesMax: 100 * ANSWER_BYTES_MAX });
    window.note(1, changesOf(1, ["k"]));
    window.note(2, changesOf(2, ["k"], ANSWER_BYTES_MAX));
    expect([window.from, window.changesCount, window.bytesCount]).toEqual([2, 0, 0]);
    expect(window.read(1, "").kind).toBe("gone");
    expect(window.read(2, "")).toEqual({ kind: "changes", upTo: 2, changes: [] });
  });
});
