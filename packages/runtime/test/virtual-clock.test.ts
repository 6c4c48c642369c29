import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../src/index.ts";

interface Alarm {
  readonly name: number;
  readonly atMs: number;
}

/** The twin: a list, sorted anew at each question. `sort` is stable, so equal times keep the order of asking. */
class SortedList {
  nowMs = 0;
  alarms: Alarm[] = [];

  at(name: number, atMs: number): void {
    this.alarms.push({ name, atMs: Math.max(atMs, this.nowMs) });
    this.alarms.sort((a, b) => a.atMs - b.atMs);
  }

  cancel(name: number): void {
    this.alarms = this.alarms.filter((alarm) => alarm.name !== name);
  }

  step(limitMs: number): Alarm | undefined {
    const [next] = this.alarms;
    if (next === undefined || next.atMs > limitMs) return undefined;
    this.alarms.shift();
    this.nowMs = next.atMs;
    return next;
  }
}

const timeMs = fc.integer({ min: -5, max: 60 });
const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("at" as const), atMs: timeMs }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cancel" as const), which: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("step" as const), limitMs: timeMs }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("runUntil" as const), untilMs: timeMs }) },
);

describe("VirtualClock", () => {
  it("does what a sorted list does", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
        const clock = new VirtualClock();
        const twin = new SortedList();
        const cancels: (() => void)[] = [];
        const fired: (Alarm & { readonly seenMs: number })[] = [];
        const expected: (Alarm & { readonly seenMs: number })[] = [];
        const twinStep = (limitMs: number): boolean => {
          const alarm = twin.step(limitMs);
          if (alarm !== undefined) expected.push({ ...alarm, seenMs: alarm.atMs });
          return alarm !== undefined;
        };

        for (const next of actions) {
          if (next.kind === "at") {
            const name = cancels.length;
            const atMs = Math.max(next.atMs, clock.nowMs());
            cancels.push(clock.at(next.atMs, () => fired.push({ name, atMs, seenMs: clock.nowMs() })));
            twin.at(name, next.atMs);
          } else if (next.kind === "cancel") {
            cancels[next.which]?.();
            twin.cancel(next.which);
          } else if (next.kind === "step") {
            expect(clock.step(next.limitMs)).toBe(twinStep(next.limitMs));
          } else {
            clock.runUntil(next.untilMs);
            while (twinStep(next.untilMs));
            twin.nowMs = Math.max(twin.nowMs, next.untilMs);
          }
          expect(clock.nowMs()).toBe(twin.nowMs);
          expect(clock.nextAtMs).toBe(twin.alarms[0]?.atMs);
          expect(fired).toEqual(expected);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("fires what an alarm asks for, at once if it is due, never from within the asking", () => {
    const clock = new VirtualClock(10);
    const seen: string[] = [];
    clock.at(20, () => {
      clock.at(20, () => seen.push("second"));
      clock.at(5, () => seen.push(`past, at ${clock.nowMs()}`));
      clock.at(21, () => seen.push("later"));
      seen.push("first");
    });
    clock.runUntil(20);
    expect(seen).toEqual(["first", "second", "past, at 20"]);
    expect(clock.nextAtMs).toBe(21);
  });

  it("lets an alarm cancel one that is due at the same time", () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.at(1, () => cancel());
    const cancel = clock.at(1, () => seen.push("cancelled"));
    clock.runUntil(1);
    cancel();
    expect(seen).toEqual([]);
    expect(clock.step()).toBe(false);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("refuses an alarm at %s", (atMs) => {
    expect(() => new VirtualClock().at(atMs, () => {})).toThrow(/not a time/);
  });
});
