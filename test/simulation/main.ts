import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Model, prepare, type RunReport, SEED_MAX, SimulationFailure, timeline } from "@halon/simulation";
import { clusterModel } from "./cluster/cluster-model.ts";
import { logModel } from "./log-model.ts";

const models: readonly Model[] = [logModel(), clusterModel()];
/** Threads that share many runs. */
const THREADS_MAX = 8;
/** So few runs are done in this one. */
const SHARED_RUNS_MIN = 8;
/** A line of progress is due this often. */
const PROGRESS_MS = 5_000;

const USAGE = `usage: npm run sim -- [--seed S [--trace] | --runs N] [--model ${models.map(({ name }) => name).join("|")}]

  --seed S   one run from this seed (0 to ${SEED_MAX}); by default a new one is drawn
  --trace    print what happened, one column per member
  --runs N   so many runs, from consecutive seeds
  --model M  only this one; by default all`;

interface Request {
  readonly seed: number;
  readonly runs: number;
  readonly trace: boolean;
  readonly models: readonly Model[];
}

function numberOf(flag: string, text: string, max: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > max) throw new Error(`--${flag} ${text}: a whole number up to ${max} is needed`);
  return number;
}

function requestOf(args: readonly string[]): Request | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      runs: { type: "string" },
      model: { type: "string" },
      trace: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const chosen = models.filter(({ name }) => values.model === undefined || values.model === name);
  if (chosen.length === 0)
    throw new Error(`no model ${values.model}: there are ${models.map(({ name }) => name).join(", ")}`);
  const seed =
    values.seed === undefined ? Math.floor(Math.random() * SEED_MAX) : numberOf("seed", values.seed, SEED_MAX);
  const runs = values.runs === undefined ? 1 : numberOf("runs", values.runs, 1_000_000);
  return { seed, runs, trace: values.trace, models: chosen };
}

function runOne(model: Model, seed: number, keepTrace: boolean): RunReport {
  const replay = `npm run sim -- --model ${model.name} --seed ${seed}`;
  const { world, run, complete } = prepare(model, { seed, replay, keepTrace });
  try {
    return complete();
  } finally {
    if (keepTrace) console.log(timeline(world.trace.lines, run.columns, process.stdout.columns ?? 200));
  }
}

interface Share {
  readonly seed: number;
  readonly runs: number;
  /** Of the runs, those from `first` on, each `step`-th. */
  readonly first: number;
  readonly step: number;
  readonly models: readonly string[];
}

/** A run that passed, or how one failed. */
type Said = ({ readonly model: string } & RunReport) | { readonly failure: string };

/** Runs one share, saying what becomes of each run; ends after a failure. */
function runShare(share: Share, trace: boolean, say: (said: Said) => void): void {
  const chosen = models.filter(({ name }) => share.models.includes(name));
  for (let at = share.first; at < share.runs; at += share.step)
    for (const model of chosen)
      try {
        say({ model: model.name, ...runOne(model, (share.seed + at) % (SEED_MAX + 1), trace) });
      } catch (error) {
        if (!(error instanceof SimulationFailure)) throw error;
        const cause = error.broken === "crash" && error.cause instanceof Error ? `${error.cause.stack}\n` : "";
        return say({ failure: cause + error.message });
      }
}

/** What was said so far, with progress for people. */
class Tally {
  readonly #expected: number;
  readonly #startMs = performance.now();
  #saidMs = this.#startMs;
  #runs = 0;
  #virtualMs = 0;
  #faults = 0;
  #operations = 0;

  constructor(expected: number) {
    this.#expected = expected;
  }

  /** False when a run has failed. */
  add(said: Said): boolean {
    if ("failure" in said) {
      console.error(said.failure);
      return false;
    }
    this.#runs++;
    this.#virtualMs += said.virtualMs;
    this.#faults += said.faults;
    this.#operations += said.operations;
    if (this.#expected <= models.length) console.log(`${said.model}: trace hash ${said.hash}`);
    if (performance.now() - this.#saidMs < PROGRESS_MS) return true;
    this.#saidMs = performance.now();
    console.log(`${this.#runs} of ${this.#expected} runs passed`);
    return true;
  }

  conclude(): void {
    const tookMs = performance.now() - this.#startMs;
    console.log(
      `${this.#runs} runs passed: ${this.#operations} operations, ${this.#faults} faults, ` +
        `${(this.#virtualMs / 1000).toFixed(0)} virtual s in ${(tookMs / 1000).toFixed(1)} s ` +
        `(${(this.#virtualMs / tookMs).toFixed(0)} times as fast)`,
    );
  }
}

/** All runs, on all cores when they are many; the first failure ends them. */
async function runAll({ seed, runs, trace, models: chosen }: Request): Promise<void> {
  const tally = new Tally(runs * chosen.length);
  const step = runs < SHARED_RUNS_MIN || trace ? 1 : Math.min(availableParallelism(), THREADS_MAX);
  const shareOf = (first: number): Share => ({ seed, runs, first, step, models: chosen.map(({ name }) => name) });
  let isSound = true;
  if (step === 1)
    runShare(shareOf(0), trace, (said) => {
      isSound = tally.add(said) && isSound;
    });
  else {
    const workers = Array.from(
      { length: step },
      (_, first) => new Worker(new URL(import.meta.url), { workerData: shareOf(first) }),
    );
    const ends = workers.map(
      (worker) =>
        new Promise<void>((resolve, reject) => {
          worker.on("error", reject);
          worker.on("exit", () => resolve());
          worker.on("message", (said: Said) => {
            if (!isSound || tally.add(said)) return;
            isSound = false;
            for (const other of workers) void other.terminate();
          });
        }),
    );
    await Promise.all(ends);
  }
  if (isSound) tally.conclude();
  else process.exitCode = 1;
}

async function main(): Promise<void> {
  let request: Request | undefined;
  try {
    request = requestOf(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (request === undefined) return console.log(USAGE);
  console.log(`seed ${request.seed}`);
  await runAll(request);
}

if (isMainThread) await main();
else runShare(workerData as Share, false, (said) => parentPort?.postMessage(said));
