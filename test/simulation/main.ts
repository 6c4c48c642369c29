import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Model, prepare, type RunReport, SEED_MAX, SimulationFailure, timeline } from "@halon/simulation";
import { clusterModel } from "./cluster/cluster-model.ts";
import { logModel } from "./log-model.ts";
import { readRequest, type SimRequest, usage } from "./sim-request.ts";
import { SimTally } from "./sim-tally.ts";

const models: readonly Model[] = [logModel(), clusterModel()];
const names = models.map(({ name }) => name);
/** Threads that share many runs. */
const THREADS_MAX = 16;
/** So few runs are done in this one. */
const SHARED_RUNS_MIN = 8;
/** A line of progress is due this often. */
const PROGRESS_MS = 10_000;

/** The runs of one thread: those from `first` on, each `step`-th, until told to end. */
interface Share extends SimRequest {
  readonly first: number;
  readonly step: number;
  /** Its one word is not 0 when no further run is to begin. */
  readonly end: Int32Array;
}

/** A run that passed, or how one failed. */
type Said = { readonly model: string; readonly report: RunReport } | { readonly failure: string };

function runOne(model: Model, seed: number, keepTrace: boolean): RunReport {
  const replay = `npm run sim -- --model ${model.name} --seed ${seed}`;
  const { world, run, complete } = prepare(model, { seed, replay, keepTrace });
  try {
    return complete();
  } finally {
    if (keepTrace) console.log(timeline(world.trace.lines, run.columns, process.stdout.columns ?? 200));
  }
}

/** Runs one share, saying what becomes of each run; ends after a failure. */
function runShare({ seed, runs, first, step, end, trace, models: wanted }: Share, say: (said: Said) => void): void {
  const chosen = models.filter(({ name }) => wanted.includes(name));
  for (let at = first; at < runs; at += step)
    for (const model of chosen) {
      if (Atomics.load(end, 0) !== 0) return;
      try {
        say({ model: model.name, report: runOne(model, (seed + at) % (SEED_MAX + 1), trace) });
      } catch (error) {
        if (!(error instanceof SimulationFailure)) throw error;
        const cause = error.broken === "crash" && error.cause instanceof Error ? `${error.cause.stack}\n` : "";
        return say({ failure: cause + error.message });
      }
    }
}

function runThreads(
  request: SimRequest,
  threads: number,
  end: Int32Array,
  hear: (said: Said) => void,
): Promise<unknown> {
  return Promise.all(
    Array.from({ length: threads }, (_, first) => {
      const share: Share = { ...request, first, step: threads, end };
      const worker = new Worker(new URL(import.meta.url), { workerData: share });
      return new Promise<void>((resolve, reject) => {
        worker.on("error", reject);
        worker.on("exit", () => resolve());
        worker.on("message", hear);
      });
    }),
  );
}

/** All runs, on all cores when they are many; a failure, ctrl-c, or the time asked for ends them. */
async function runAll(request: SimRequest): Promise<void> {
  const tally = new SimTally(() => performance.now());
  const end = new Int32Array(new SharedArrayBuffer(4));
  const few = request.runs * request.models.length <= SHARED_RUNS_MIN;
  const stop = (): void => void Atomics.store(end, 0, 1);
  let failure: string | undefined;
  const hear = (said: Said): void => {
    if ("failure" in said) {
      failure ??= said.failure;
      stop();
    } else {
      tally.add(said.model, said.report);
      if (few) console.log(`${said.model}: ${said.report.swarm}\n${said.model}: trace hash ${said.report.hash}`);
    }
  };
  const progress = setInterval(() => console.log(`… ${tally.describe(Number.POSITIVE_INFINITY)}`), PROGRESS_MS);
  const deadline = Number.isFinite(request.minutes) ? setTimeout(stop, request.minutes * 60_000) : undefined;
  process.once("SIGINT", stop);
  try {
    if (few || request.trace) runShare({ ...request, first: 0, step: 1, end }, hear);
    else await runThreads(request, Math.min(availableParallelism(), THREADS_MAX), end, hear);
  } finally {
    clearInterval(progress);
    clearTimeout(deadline);
  }
  const asked = request.runs * request.models.length;
  console.log(tally.describe(asked));
  if (failure === undefined) console.log(tally.conclude());
  else console.error(failure);
  process.exitCode = failure === undefined ? 0 : 1;
}

async function main(): Promise<void> {
  let request: SimRequest | undefined;
  try {
    request = readRequest(process.argv.slice(2), names, () => Math.floor(Math.random() * (SEED_MAX + 1)));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage(names)}`);
    process.exitCode = 2;
    return;
  }
  if (request === undefined) return console.log(usage(names));
  console.log(`seed ${request.seed}`);
  await runAll(request);
}

if (isMainThread) await main();
else runShare(workerData as Share, (said) => parentPort?.postMessage(said));
