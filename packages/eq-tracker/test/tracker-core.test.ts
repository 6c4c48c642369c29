import { REFRESH_MS, REFRESH_MS_MIN, TrackerCore, type TrackerInput, type TrackerOutput } from "@halon/eq-tracker";
import type { Directory } from "@halon/proto";
import { describe, expect, it } from "vitest";

const directory = (leader: string, transponders: readonly string[] = []): Directory => ({
  stations: ["s1", "s2"],
  leader,
  transponders,
  monitors: [],
});
const timer = { kind: "timer", name: "refresh", random: 0 } as const;
const refresh = { kind: "refresh" } as const;

/** The core and the time at which its timer is due. */
class Bench {
  readonly core = new TrackerCore();
  nowMs = 0;
  timerMs: number | undefined;
  ask = 0;

  step(input: TrackerInput): readonly TrackerOutput[] {
    const outputs = this.core.step(input, this.nowMs);
    for (const output of outputs) {
      if (output.kind === "timer") this.timerMs = output.atMs;
      if (output.kind === "ask") this.ask = output.ask;
    }
    return outputs.filter(({ kind }) => kind !== "timer");
  }

  answer(told: Directory | undefined): readonly TrackerOutput[] {
    return this.step({ kind: "answer", ask: this.ask, directory: told });
  }

  fire(): readonly TrackerOutput[] {
    this.nowMs = this.timerMs ?? this.nowMs;
    this.timerMs = undefined;
    return this.step(timer);
  }
}

describe("tracker core", () => {
  it("asks at the start, then from time to time, and tells of changes only", () => {
    const bench = new Bench();
    expect(bench.step(refresh)).toEqual([{ kind: "ask", ask: 1 }]);
    expect(bench.answer(directory("s1"))).toEqual([{ kind: "changed", directory: directory("s1") }]);
    expect(bench.timerMs).toBe(REFRESH_MS);
    bench.fire();
    expect(bench.answer(directory("s1"))).toEqual([]);
    bench.fire();
    expect(bench.answer(directory("s2"))).toEqual([{ kind: "changed", directory: directory("s2") }]);
    expect(bench.core.directory).toEqual(directory("s2"));
  });

  it("asks soon when something did not answer, but never more often than its limit", () => {
    const bench = new Bench();
    bench.step(refresh);
    bench.answer(directory("s1"));
    const askedMs: number[] = [];
    for (; bench.nowMs < 2_000; bench.nowMs += 10) {
      const isDue = bench.timerMs !== undefined && bench.nowMs >= bench.timerMs;
      if (isDue) bench.timerMs = undefined;
      for (const { kind } of [...(isDue ? bench.step(timer) : []), ...bench.step(refresh)])
        if (kind === "ask") {
          askedMs.push(bench.nowMs);
          bench.answer(directory("s1"));
        }
    }
    expect(askedMs).toEqual(Array.from({ length: 9 }, (_, at) => (at + 1) * REFRESH_MS_MIN));
  });

  it("keeps what it knows and asks again when nobody answers", () => {
    const bench = new Bench();
    bench.step(refresh);
    bench.answer(directory("s1", ["t1"]));
    bench.fire();
    expect(bench.answer(undefined)).toEqual([]);
    expect((bench.timerMs ?? 0) - bench.nowMs).toBe(REFRESH_MS_MIN);
    expect(bench.core.directory).toEqual(directory("s1", ["t1"]));
    expect(bench.fire()).toEqual([{ kind: "ask", ask: 3 }]);
  });

  it("has one question under way, and ignores answers to older ones", () => {
    const bench = new Bench();
    bench.step(refresh);
    expect(bench.step(refresh)).toEqual([]);
    bench.answer(directory("s1"));
    bench.fire();
    expect(bench.step({ kind: "answer", ask: 1, directory: directory("s2") })).toEqual([]);
    expect(bench.core.directory).toEqual(directory("s1"));
  });
});
