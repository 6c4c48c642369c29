import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  isHeld,
  listenForStop,
  openCluster,
  SPEC_DEFAULT,
  STEPS,
  type StepName,
  type StepOutcome,
  tellStory,
} from "@halon/local-cluster";
import { type Bench, type BenchOptions, quantile, type Report, table } from "./bench.ts";

const ROUNDS_DEFAULT = 10;
const SHAPE = { stations: 3, satellites: 2, users: 4 } as const;

type Spans = Readonly<Record<StepName, number[]>>;

/** The demo's five recoveries, again and again in one cluster of real processes. */
export const recoveryBench: Bench = {
  about: `the demo's five recoveries, ${ROUNDS_DEFAULT} rounds unless --rounds says otherwise`,
  async run({ rounds = ROUNDS_DEFAULT, say }) {
    const dir = mkdtempSync(join(tmpdir(), "halon-bench-"));
    const stop = listenForStop();
    try {
      return await inCluster(dir, rounds, say, stop.signal);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

async function inCluster(dir: string, rounds: number, say: BenchOptions["say"], signal: AbortSignal): Promise<Report> {
  const options = { dir, shape: SHAPE, natsPort: undefined, isFresh: true, spec: SPEC_DEFAULT, isPortChosen: true };
  const { cluster, close } = await openCluster(options, say, signal);
  try {
    const outcomes: StepOutcome[] = [];
    for (let round = 1; round <= rounds; round++) {
      say(`round ${round} of ${rounds}`);
      for await (const outcome of tellStory({ cluster, say, signal })) outcomes.push(outcome);
    }
    return reportOf(outcomes, rounds, say);
  } finally {
    await close();
  }
}

function reportOf(outcomes: readonly StepOutcome[], rounds: number, say: BenchOptions["say"]): Report {
  const spans = Object.fromEntries(STEPS.map((name) => [name, spansOf(outcomes, name)])) as Spans;
  const figures: Record<string, number> = {};
  for (const name of STEPS) {
    figures[`${name}_p50_ms`] = quantile(spans[name], 0.5);
    figures[`${name}_p99_ms`] = quantile(spans[name], 0.99);
  }
  // Too slow, or with something beside it that should not be.
  figures["not_held"] = outcomes.filter((outcome) => !isHeld(outcome)).length;
  const rows = STEPS.map((name) => [name, ...[0.5, 0.99].map((share) => `${quantile(spans[name], share)}`)]);
  for (const line of table([["recovery", "p50 ms", "p99 ms"], ...rows])) say(line);
  say(`${figures["not_held"]} of ${outcomes.length} did not hold`);
  return { name: "recovery", settings: { rounds, ...SHAPE }, figures };
}

/** Ascending, in whole milliseconds. */
const spansOf = (outcomes: readonly StepOutcome[], name: StepName): number[] =>
  outcomes
    .filter((outcome) => outcome.name === name)
    .map(({ spanMs }) => Math.round(spanMs))
    .sort((a, b) => a - b);
