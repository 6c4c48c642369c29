import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExclusiveRight } from "../src/core/exclusive-right.ts";

const CONFIG = { boundMs: 3_000, driftRatio: 0.05, killGraceMs: 250 };
/** Less the drift of both clocks, and what a kill may take. */
const SPAN_MS = (3_000 * 0.95) / 1.05 - 250;
const MONITORS = ["a", "b", "c"];

/** In session 5, one heartbeat (number 1) sent at 100. */
function begun(): ExclusiveRight {
  const right = new ExclusiveRight(CONFIG);
  right.open(5, MONITORS, 2, 50);
  right.sent(1, 100);
  return right;
}
const ack = (monitor: string, seq = 1, session = 5) => ({ monitor, seq, session });

describe("the right to run exclusive instances", () => {
  it("counts from when the heartbeat was sent, once enough have acknowledged it", () => {
    const right = begun();
    right.acknowledged(ack("a"), 900);
    expect(right.isHeld).toBe(false);
    right.acknowledged(ack("c"), 1_500);
    expect(right.grant).toEqual({ session: 5, deadlineMs: 100 + SPAN_MS });
  });

  it("counts distinct pinned monitors of this session and this heartbeat only", () => {
    const right = begun();
    right.sent(2, 200);
    for (const each of [ack("a"), ack("a"), ack("x"), ack("b", 2), ack("b", 1, 4), ack("c", 7)])
      right.acknowledged(each, 300);
    expect(right.isHeld).toBe(false);
  });

  it("is not prolonged by an acknowledgement of an older heartbeat", () => {
    const right = begun();
    right.sent(2, 1_100);
    for (const each of [ack("a", 2), ack("b", 2), ack("a", 1), ack("b", 1)]) right.acknowledged(each, 1_200);
    expect(right.grant?.deadlineMs).toBe(1_100 + SPAN_MS);
  });

  it("lapses at its deadline, for the session", () => {
    const right = begun();
    right.sent(2, 1_100);
    right.acknowledged(ack("a"), 200);
    right.acknowledged(ack("b"), 200);
    expect(right.expire(100 + SPAN_MS - 1)).toEqual({ lapsed: false, closed: false });
    expect(right.expire(100 + SPAN_MS)).toEqual({ lapsed: true, closed: true });
    right.sent(3, 2_800);
    for (const monitor of MONITORS) for (const seq of [2, 3]) right.acknowledged(ack(monitor, seq), 2_900);
    expect(right.isHeld).toBe(false);
    expect(right.grant).toBeUndefined();
  });

  it("has to be gained within one bound of the session's beginning", () => {
    const right = begun();
    right.sent(2, 3_000);
    expect(right.expire(3_049)).toEqual({ lapsed: false, closed: false });
    expect(right.expire(3_050)).toEqual({ lapsed: false, closed: true });
    for (const monitor of MONITORS) right.acknowledged(ack(monitor, 2), 3_060);
    expect(right.isHeld).toBe(false);
  });

  it("carries what runs over into a new session until the deadline it had, but starts nothing there", () => {
    const right = begun();
    for (const monitor of MONITORS) right.acknowledged(ack(monitor), 110);
    right.open(6, MONITORS, 2, 1_000);
    expect(right.isHeld).toBe(false);
    expect(right.grant?.session).toBe(5);
    expect(right.expire(100 + SPAN_MS)).toEqual({ lapsed: true, closed: false });
    right.sent(9, 2_800);
    for (const monitor of MONITORS) right.acknowledged(ack(monitor, 9, 6), 2_900);
    expect(right.grant).toEqual({ session: 6, deadlineMs: 2_800 + SPAN_MS });
  });

  it("goes on after a restart only if a guard holds it, in the same session", () => {
    const right = new ExclusiveRight(CONFIG);
    right.resume(5, MONITORS, 2, { session: 5, deadlineMs: 9_000 });
    expect(right.isHeld).toBe(true);
    right.resume(6, MONITORS, 2, { session: 5, deadlineMs: 9_000 });
    expect(right.isClosed).toBe(true);
    right.resume(5, MONITORS, 2, undefined);
    expect(right.isClosed).toBe(true);
  });

  it("is never gained where nobody watches", () => {
    const right = new ExclusiveRight(CONFIG);
    right.open(5, [], 0, 0);
    right.sent(1, 10);
    right.acknowledged(ack("a"), 20);
    expect(right.isHeld).toBe(false);
  });

  it("never outlives what the slow reading of all acknowledgements allows", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("send" as const), afterMs: fc.nat(1_500) }),
      fc.record({
        do: fc.constant("ack" as const),
        afterMs: fc.nat(1_500),
        monitor: fc.constantFrom("a", "b", "c", "x"),
        back: fc.nat(4),
        session: fc.constantFrom(5, 5, 5, 4),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const right = new ExclusiveRight(CONFIG);
        right.open(5, MONITORS, 2, 0);
        let now = 0;
        let seq = 0;
        const sentAtMs = new Map<number, number>();
        const acks: { readonly monitor: string; readonly seq: number }[] = [];
        for (const each of steps) {
          now += each.afterMs;
          right.expire(now);
          if (each.do === "send") {
            right.sent(++seq, now);
            sentAtMs.set(seq, now);
          } else {
            const of = seq - each.back;
            right.acknowledged({ monitor: each.monitor, session: each.session, seq: of }, now);
            if (each.session === 5 && MONITORS.includes(each.monitor)) acks.push({ monitor: each.monitor, seq: of });
          }
          const allowed = [...sentAtMs].flatMap(([of, atMs]) => {
            const by = new Set(acks.filter((one) => one.seq === of).map(({ monitor }) => monitor));
            return by.size >= 2 ? [atMs + SPAN_MS] : [];
          });
          const deadlineMs = right.grant?.deadlineMs ?? 0;
          expect(deadlineMs).toBeLessThanOrEqual(Math.max(0, ...allowed));
        }
      }),
    );
  });
});
