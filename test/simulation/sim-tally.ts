import type { RunReport } from "@halon/simulation";
import { countsTable } from "./sim-table.ts";

/** What all runs of one model have come to. */
export class ModelTally {
  runs = 0;
  virtualMs = 0;
  operations = 0;
  /** Of each kind of fault, the runs in which it struck. */
  readonly runsWith = new Map<string, number>();
  readonly strikes = new Map<string, number>();
  /** Of each invariant, what it has looked at, in all runs and in those with each kind of fault. */
  readonly checks = new Map<string, { all: number; readonly with: Map<string, number> }>();

  add({ virtualMs, operations, faults, checks }: RunReport): void {
    this.runs++;
    this.virtualMs += virtualMs;
    this.operations += operations;
    for (const [kind, count] of Object.entries(faults)) {
      raise(this.runsWith, kind, 1);
      raise(this.strikes, kind, count);
    }
    for (const [invariant, count] of Object.entries(checks)) {
      const sum = this.checks.get(invariant) ?? { all: 0, with: new Map<string, number>() };
      this.checks.set(invariant, sum);
      sum.all += count;
      for (const kind of Object.keys(faults)) raise(sum.with, kind, count);
    }
  }

  get faults(): number {
    return [...this.strikes.values()].reduce((sum, count) => sum + count, 0);
  }
}

function raise(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

/** What all runs have come to so far. */
export class SimTally {
  readonly #models = new Map<string, ModelTally>();
  readonly #startMs: number;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
  }

  get runs(): number {
    return this.#sum(({ runs }) => runs);
  }

  add(model: string, report: RunReport): void {
    const tally = this.#models.get(model) ?? new ModelTally();
    this.#models.set(model, tally);
    tally.add(report);
  }

  /** `2000 runs in 201.0 s (9.9 per s), 60000 virtual s: 298 times as fast as real time`; when asked for more, of how many. */
  describe(asked: number): string {
    const tookS = (this.#nowMs() - this.#startMs) / 1000;
    const virtualS = this.#sum(({ virtualMs }) => virtualMs) / 1000;
    const of = this.runs < asked && Number.isFinite(asked) ? ` of the ${asked} asked for` : "";
    return (
      `${this.runs} runs${of} in ${tookS.toFixed(1)} s (${(this.runs / tookS).toFixed(1)} per s), ` +
      `${virtualS.toFixed(0)} virtual s: ${(virtualS / tookS).toFixed(0)} times as fast as real time`
    );
  }

  /** Operations and faults, and for each model the table of its invariants, faults and runs. */
  conclude(): string {
    const operations = this.#sum((each) => each.operations);
    const faults = this.#sum((each) => each.faults);
    const tables = [...this.#models].map(([name, tally]) => `model ${name}\n\n${countsTable(tally)}`);
    return [`${operations} operations, ${faults} faults, no invariant broken`, ...tables].join("\n\n");
  }

  #sum(of: (tally: ModelTally) => number): number {
    return [...this.#models.values()].reduce((sum, each) => sum + of(each), 0);
  }
}
