import { parseArgs } from "node:util";
import { type Model, prepare, type RunReport, SEED_MAX, SimulationFailure, timeline } from "@halon/simulation";
import { clusterModel } from "./cluster/cluster-model.ts";
import { logModel } from "./log-model.ts";

const models: readonly Model[] = [logModel(), clusterModel()];
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

/** All runs, with progress; the first failure ends them. */
function runAll({ seed, runs, trace, models: chosen }: Request): void {
  const startMs = performance.now();
  const total = { runs: 0, virtualMs: 0, faults: 0, operations: 0 };
  let saidMs = startMs;
  for (let at = 0; at < runs; at++)
    for (const model of chosen) {
      const report = runOne(model, (seed + at) % (SEED_MAX + 1), trace);
      total.runs++;
      total.virtualMs += report.virtualMs;
      total.faults += report.faults;
      total.operations += report.operations;
      if (runs === 1) console.log(`${model.name}: trace hash ${report.hash}`);
      if (performance.now() - saidMs < PROGRESS_MS) continue;
      saidMs = performance.now();
      console.log(`${total.runs} of ${runs * chosen.length} runs passed`);
    }
  const tookMs = performance.now() - startMs;
  console.log(
    `${total.runs} runs passed: ${total.operations} operations, ${total.faults} faults, ` +
      `${(total.virtualMs / 1000).toFixed(0)} virtual s in ${(tookMs / 1000).toFixed(1)} s ` +
      `(${(total.virtualMs / tookMs).toFixed(0)} times as fast)`,
  );
}

function main(): void {
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
  try {
    runAll(request);
  } catch (error) {
    if (!(error instanceof SimulationFailure)) throw error;
    if (error.broken === "crash") console.error(error.cause);
    console.error(error.message);
    process.exitCode = 1;
  }
}

main();
