import { type Event, encodeEventPayload } from "@halon/proto";
import {
  GATHER_MS,
  HELD_REPORTS_MAX,
  HOLD_MS,
  STORES_MAX,
  UplinkCore,
  type UplinkInput,
  type UplinkOutput,
} from "@halon/transponder";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

let seq = 0;
const event = (payload: Uint8Array = new Uint8Array([1])): Event => ({
  id: { producer: "p", incarnation: "i", seq: ++seq },
  type: "test",
  payload,
  traceparent: "",
  lowest: 1,
});
const accusation = (node: string, session: number, monitor: string, silentMs: number): Event => {
  const value = { node, session, accusations: [{ monitor, silentMs }] };
  return { ...event(encodeEventPayload({ kind: "nodeUnreachable", value })), type: "node-unreachable" };
};
const stored = { kind: "stored", message: "" };

/** A core in time of its own; timers fire when due. */
class Bench {
  readonly core = new UplinkCore();
  readonly out: UplinkOutput[] = [];
  nowMs = 0;
  readonly #timers = new Map<string, number>();
  #token = 0;

  step(input: UplinkInput): void {
    for (const output of this.core.step(input, this.nowMs)) {
      if (output.kind !== "timer") this.out.push(output);
      else if (output.atMs === undefined) this.#timers.delete(output.name);
      else this.#timers.set(output.name, output.atMs);
    }
  }

  report(...events: readonly Event[]): number {
    this.step({ kind: "report", token: ++this.#token, events });
    return this.#token;
  }

  runFor(spanMs: number): void {
    const untilMs = this.nowMs + spanMs;
    for (;;) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a - b);
      if (next === undefined || next[1] > untilMs) break;
      this.#timers.delete(next[0]);
      this.nowMs = Math.max(this.nowMs, next[1]);
      this.step({ kind: "timer", name: next[0], random: 0 });
    }
    this.nowMs = untilMs;
  }

  take<Kind extends UplinkOutput["kind"]>(kind: Kind): readonly (UplinkOutput & { kind: Kind })[] {
    const taken = this.out.filter((output) => output.kind === kind);
    this.out.splice(0, this.out.length, ...this.out.filter((output) => output.kind !== kind));
    return taken as readonly UplinkOutput[] as readonly (UplinkOutput & { kind: Kind })[];
  }
}

describe("uplink core", () => {
  it("gathers for a moment, stores under the reporters' ids, and acknowledges what is durable", () => {
    const bench = new Bench();
    const events = [event(), event(), event()];
    bench.report(...events.slice(0, 2));
    bench.runFor(GATHER_MS - 1);
    bench.report(...events.slice(2));
    expect(bench.take("store")).toEqual([]);
    bench.runFor(1);
    const [store] = bench.take("store");
    expect(store?.events).toEqual(events);
    expect(bench.take("answer")).toEqual([]);
    const outcomes = [stored, { kind: "refused", message: "why" }, { kind: "duplicate", message: "" }];
    bench.step({ kind: "stored", store: store?.store ?? 0, outcomes });
    expect(bench.take("answer")).toEqual([
      { kind: "answer", token: 1, outcomes: outcomes.slice(0, 2) },
      { kind: "answer", token: 2, outcomes: outcomes.slice(2) },
    ]);
  });

  it("does not wait when there is enough, and keeps each command small enough for the log", () => {
    const bench = new Bench();
    for (let count = 0; count < 256; count++) bench.report(event(new Uint8Array(3_000)));
    const stores = bench.take("store");
    expect(stores.length).toBeGreaterThan(3);
    for (const { events } of stores)
      expect(events.reduce((sum, { payload }) => sum + payload.byteLength, 0)).toBeLessThan(220 * 1024);
    expect(stores.flatMap(({ events }) => events)).toHaveLength(256);
  });

  it("gives no answer to a report of which it knows nothing in time", () => {
    const bench = new Bench();
    bench.report(event());
    bench.report(event());
    bench.runFor(GATHER_MS);
    const [store] = bench.take("store");
    bench.step({ kind: "stored", store: store?.store ?? 0, outcomes: [stored] });
    expect(bench.take("answer").map(({ token }) => token)).toEqual([1]);
    expect(bench.take("forget").map(({ token }) => token)).toEqual([2]);
    bench.report(event());
    bench.runFor(HOLD_MS + 1_000);
    expect(bench.take("forget").map(({ token }) => token)).toEqual([3]);
    const [late] = bench.take("store");
    bench.step({ kind: "stored", store: late?.store ?? 0, outcomes: [stored] });
    expect(bench.take("answer")).toEqual([]);
    expect(bench.core.status).toMatchObject({ held: 0, storing: 0 });
  });

  it("says `retry` for what the queue has no room for, and when too much waits here", () => {
    const bench = new Bench();
    bench.report(event());
    bench.runFor(GATHER_MS);
    const [store] = bench.take("store");
    bench.step({ kind: "stored", store: store?.store ?? 0, outcomes: [{ kind: "full", message: "x" }] });
    expect(bench.take("answer")[0]?.outcomes).toEqual([{ kind: "retry", message: "x" }]);
    for (let count = 0; count < HELD_REPORTS_MAX + 2; count++) bench.report(event());
    expect(bench.take("answer").flatMap(({ outcomes }) => outcomes.map(({ kind }) => kind))).toEqual([
      "retry",
      "retry",
    ]);
    expect(bench.take("store").length).toBe(STORES_MAX);
  });

  it("refuses a report of too many events", () => {
    const bench = new Bench();
    bench.report(...Array.from({ length: 257 }, () => event()));
    expect(
      bench.take("answer")[0]?.outcomes.every(({ kind, message }) => kind === "refused" && /split/.test(message)),
    ).toBe(true);
  });

  it("forwards one accusation alone, or an unreadable one, under its own id", () => {
    const bench = new Bench();
    bench.report(accusation("n1", 1, "m1", 3_000), { ...event(new Uint8Array([255])), type: "node-unreachable" });
    bench.runFor(GATHER_MS);
    expect(bench.take("submit")).toEqual([]);
    expect(bench.take("store")[0]?.events).toHaveLength(2);
  });

  it("merges by union, keeps the shorter silence of each monitor, and acknowledges all reporters", () => {
    const said = fc.record({
      node: fc.constantFrom("n1", "n2"),
      session: fc.integer({ min: 1, max: 2 }),
      monitor: fc.constantFrom("m1", "m2", "m3"),
      silentMs: fc.integer({ min: 3_000, max: 3_009 }),
    });
    fc.assert(
      fc.property(fc.array(said, { minLength: 1, maxLength: 30 }), (all) => {
        const bench = new Bench();
        const tokens = all.map(({ node, session, monitor, silentMs }) =>
          bench.report(accusation(node, session, monitor, silentMs)),
        );
        bench.runFor(GATHER_MS);
        const submits = bench.take("submit");
        for (const { unreachable } of submits) {
          const about = all.filter(({ node, session }) => node === unreachable.node && session === unreachable.session);
          expect(about.length).toBeGreaterThan(1);
          for (const { monitor, silentMs } of unreachable.accusations)
            expect(silentMs).toBe(
              Math.min(...about.filter((each) => each.monitor === monitor).map((each) => each.silentMs)),
            );
          expect(new Set(unreachable.accusations.map(({ monitor }) => monitor))).toEqual(
            new Set(about.map(({ monitor }) => monitor)),
          );
        }
        for (const { store } of submits) bench.step({ kind: "stored", store, outcomes: [stored] });
        for (const { store, events } of bench.take("store"))
          bench.step({ kind: "stored", store, outcomes: events.map(() => stored) });
        const answers = bench.take("answer");
        expect(answers.map(({ token }) => token).sort((a, b) => a - b)).toEqual(tokens);
      }),
    );
  });
});
