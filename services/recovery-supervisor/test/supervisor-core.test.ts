import type { Lease, LeaseResult } from "@halon/proto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ACTIVATE_RETRY_MS,
  SUPERVISOR_DEFAULTS,
  SupervisorCore,
  type SupervisorInput,
  type SupervisorOutput,
} from "../src/supervisor-core.ts";

const STATIONS = ["a", "b", "c"];
/** 2 000 ms as seen by a clock that may be 5 % fast, of a holder whose clock may be 5 % slow. */
const STRETCHED_MS = (2_000 * 1.05) / 0.95;
const { staggerMs, startAllowanceMs } = SUPERVISOR_DEFAULTS;

const lease = (epoch: number, holder: string, checkpoint: number): Lease => ({ epoch, holder, checkpoint });
const result = (granted: boolean, how: Lease): LeaseResult => ({ granted, lease: how, logTimeMs: 0 });

/** A supervisor with its timers, in time of its own. */
class Watch {
  readonly core: SupervisorCore;
  nowMs = 1_000;
  /** All but timers, with the time. */
  readonly done: (Exclude<SupervisorOutput, { kind: "timer" }> & { atMs: number })[] = [];
  readonly #timers = new Map<string, number>();

  constructor(node: string) {
    this.core = new SupervisorCore({ ...SUPERVISOR_DEFAULTS, node, stations: STATIONS });
    this.input({ kind: "start" });
  }

  input(input: SupervisorInput): void {
    for (const output of this.core.step(input, this.nowMs)) {
      if (output.kind !== "timer") this.done.push({ ...output, atMs: this.nowMs });
      else if (output.atMs === undefined) this.#timers.delete(output.name);
      else this.#timers.set(output.name, output.atMs);
    }
  }

  notice(how: Lease): void {
    this.input({ kind: "notice", lease: how });
  }

  runUntil(untilMs: number): void {
    for (;;) {
      const [next] = [...this.#timers].sort(([, one], [, other]) => one - other);
      if (next === undefined || next[1] > untilMs) break;
      this.nowMs = next[1];
      this.#timers.delete(next[0]);
      this.input({ kind: "timer", name: next[0], random: 0.5 });
    }
    this.nowMs = untilMs;
  }

  /** Lets time pass until something is to be done; how long that took. */
  untilNext(): number {
    const [startMs, count] = [this.nowMs, this.done.length];
    while (this.done.length === count) this.runUntil(this.nowMs + 1);
    return (this.done.at(-1)?.atMs ?? Number.NaN) - startMs;
  }
}

describe("R1 a supervisor", () => {
  it("that has just started waits for a full lease: one may be in force of which it knows nothing", () => {
    const watch = new Watch("a");
    expect(watch.untilNext()).toBeCloseTo(STRETCHED_MS);
    expect(watch.done).toMatchObject([{ kind: "grant", lease: lease(0, "", 0), holder: "a" }]);
  });

  it("takes its turn by rank", () => {
    const waits = STATIONS.map((node) => new Watch(node).untilNext());
    expect(waits).toEqual(waits.map((_, rank) => expect.closeTo(STRETCHED_MS + rank * staggerMs)));
  });

  it("does nothing while the lease is renewed, and measures from the last renewal", () => {
    const watch = new Watch("a");
    for (let number = 1; number <= 50; number++) {
      watch.notice(lease(1, "b", number));
      watch.runUntil(watch.nowMs + 400);
    }
    expect(watch.done).toEqual([]);
    watch.notice(lease(1, "b", 51));
    expect(watch.untilNext()).toBeCloseTo(STRETCHED_MS);
    expect(watch.done).toMatchObject([{ kind: "grant", lease: lease(1, "b", 51), holder: "a" }]);
  });

  it("takes old notices, late or repeated, for no renewal", () => {
    const watch = new Watch("a");
    watch.notice(lease(2, "b", 7));
    for (const old of [lease(2, "b", 7), lease(2, "b", 6), lease(1, "c", 99)]) {
      watch.runUntil(watch.nowMs + 500);
      watch.notice(old);
    }
    expect(watch.untilNext() + 1_500).toBeCloseTo(STRETCHED_MS);
  });

  it("comes last when its own node holds the lease", () => {
    const watch = new Watch("a");
    watch.notice(lease(1, "a", 3));
    expect(watch.untilNext()).toBeCloseTo(STRETCHED_MS + STATIONS.length * staggerMs);
  });

  it("gives a new holder longer, until the first checkpoint", () => {
    const watch = new Watch("a");
    watch.notice(lease(1, "b", 0));
    expect(watch.untilNext()).toBeCloseTo(startAllowanceMs);
  });

  it("never grants before a full stretched lease since the newest news, whatever comes in", () => {
    const step = fc.record({ waitMs: fc.nat(3_000), epoch: fc.nat(3), checkpoint: fc.nat(5), decided: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const watch = new Watch("b");
        let newsMs = watch.nowMs;
        let known = lease(0, "", 0);
        let isGranting = false;
        const learn = (how: Lease): void => {
          if (how.epoch * 100 + how.checkpoint <= known.epoch * 100 + known.checkpoint) return;
          known = how;
          newsMs = watch.nowMs;
        };
        for (const { waitMs, epoch, checkpoint, decided } of steps) {
          const count = watch.done.length;
          watch.runUntil(watch.nowMs + waitMs);
          for (const { kind, atMs } of watch.done.slice(count)) {
            if (kind !== "grant") continue;
            expect(isGranting).toBe(false);
            expect(atMs - newsMs).toBeGreaterThanOrEqual(STRETCHED_MS - 1e-6);
            isGranting = true;
          }
          const how = lease(epoch, "c", checkpoint);
          if (isGranting && decided === 0) {
            isGranting = false;
            learn(how);
            watch.input({ kind: "decided", result: result(false, how) });
            newsMs = watch.nowMs;
          } else {
            learn(how);
            watch.notice(how);
          }
        }
      }),
    );
  });
});

describe("a grant", () => {
  function granting(): Watch {
    const watch = new Watch("a");
    watch.notice(lease(1, "b", 5));
    watch.untilNext();
    return watch;
  }

  it("given, has this node's agent start a coordinator, again and again until it answers", () => {
    const watch = granting();
    watch.input({ kind: "decided", result: result(true, lease(2, "a", 0)) });
    expect(watch.done.at(-1)).toMatchObject({ kind: "activate", epoch: 2, node: "a" });
    for (let attempt = 0; attempt < 3; attempt++) {
      watch.input({ kind: "activated", epoch: 2, outcome: undefined });
      expect(watch.untilNext()).toBeCloseTo(ACTIVATE_RETRY_MS);
      expect(watch.done.at(-1)).toMatchObject({ kind: "activate", epoch: 2 });
    }
    const count = watch.done.length;
    watch.input({ kind: "activated", epoch: 2, outcome: "started" });
    watch.runUntil(watch.nowMs + startAllowanceMs - 1_000);
    expect(watch.done.length).toBe(count);
  });

  it("given, and the coordinator acts: nobody is activated any more", () => {
    const watch = granting();
    watch.input({ kind: "decided", result: result(true, lease(2, "a", 0)) });
    watch.input({ kind: "activated", epoch: 2, outcome: undefined });
    watch.notice(lease(2, "a", 1));
    const count = watch.done.length;
    watch.runUntil(watch.nowMs + 1_000);
    expect(watch.done.length).toBe(count);
  });

  it("given, but the coordinator never acts: the lease lapses again, and the next epoch is asked for", () => {
    const watch = granting();
    watch.input({ kind: "decided", result: result(true, lease(2, "a", 0)) });
    watch.input({ kind: "activated", epoch: 2, outcome: "refused" });
    expect(watch.untilNext()).toBeCloseTo(startAllowanceMs + STATIONS.length * staggerMs);
    expect(watch.done.at(-1)).toMatchObject({ kind: "grant", lease: lease(2, "a", 0) });
  });

  it("refused, since somebody was quicker: it learns the lease, and waits for a full one", () => {
    const watch = granting();
    watch.input({ kind: "decided", result: result(false, lease(2, "c", 0)) });
    expect(watch.core.lease).toEqual(lease(2, "c", 0));
    expect(watch.untilNext()).toBeCloseTo(startAllowanceMs);
    expect(watch.done.filter(({ kind }) => kind === "activate")).toEqual([]);
  });

  it("refused, with nothing new: it waits for a full lease all the same", () => {
    const watch = granting();
    watch.input({ kind: "decided", result: result(false, lease(1, "b", 5)) });
    expect(watch.untilNext()).toBeCloseTo(STRETCHED_MS);
  });

  it("never decided is asked for again, after a full lease; one at a time", () => {
    const watch = granting();
    watch.runUntil(watch.nowMs + 60_000);
    expect(watch.done.length).toBe(1);
    watch.input({ kind: "decided", result: undefined });
    expect(watch.untilNext()).toBeCloseTo(STRETCHED_MS);
    expect(watch.done.length).toBe(2);
  });

  it("given to an epoch that is past by now activates nobody", () => {
    const watch = granting();
    watch.notice(lease(3, "c", 1));
    watch.input({ kind: "decided", result: result(true, lease(2, "a", 0)) });
    expect(watch.done.filter(({ kind }) => kind === "activate")).toEqual([]);
  });
});

it("a supervisor on a node that is none of the stations is our mistake", () => {
  expect(() => new Watch("z")).toThrow("z is none of the stations a, b, c");
});
