import { parseArgs } from "node:util";
import { SEED_MAX } from "@halon/simulation";

const RUNS_MAX = 10_000_000;
const MINUTES_MAX = 7 * 24 * 60;

/** What `npm run sim` was asked for. */
export interface SimRequest {
  readonly seed: number;
  /** From consecutive seeds; infinite for as long as it is let. */
  readonly runs: number;
  /** No further run begins after so long. */
  readonly minutes: number;
  readonly trace: boolean;
  /** Names of models. */
  readonly models: readonly string[];
}

export const usage = (
  models: readonly string[],
): string => `usage: npm run sim -- [--seed S [--trace]] [--runs N] [--minutes M] [--model ${models.join("|")}]

  Without --seed, --runs and --minutes it goes on, from new seeds, until ctrl-c ends it.

  --seed S     from this seed (0 to ${SEED_MAX}); one run, unless --runs or --minutes says otherwise
  --trace      print what happened, one column per member
  --runs N     so many runs, from consecutive seeds
  --minutes M  as many runs as fit into this time, and no more than --runs
  --model M    only this one; by default all, in turn`;

function numberOf(flag: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!/^\d+(?:\.\d+)?$/.test(text) || number > max)
    throw new Error(`--${flag} ${text}: a number from 0 to ${max} is needed`);
  return number;
}

function wholeOf(flag: string, text: string | undefined, max: number): number | undefined {
  const number = numberOf(flag, text, max);
  if (number !== undefined && !Number.isInteger(number)) throw new Error(`--${flag} ${text}: a whole number is needed`);
  return number;
}

/** Undefined when only help is wanted. Throws an Error that says what is wrong. */
export function readRequest(
  args: readonly string[],
  models: readonly string[],
  newSeed: () => number,
): SimRequest | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      runs: { type: "string" },
      minutes: { type: "string" },
      model: { type: "string" },
      trace: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { model, trace } = values;
  if (model !== undefined && !models.includes(model))
    throw new Error(`--model ${model}: there are ${models.join(" and ")}`);
  const seed = wholeOf("seed", values.seed, SEED_MAX);
  const runs = wholeOf("runs", values.runs, RUNS_MAX);
  const minutes = numberOf("minutes", values.minutes, MINUTES_MAX);
  const isSingle = (seed !== undefined || trace) && minutes === undefined;
  return {
    seed: seed ?? newSeed(),
    runs: runs ?? (isSingle ? 1 : Number.POSITIVE_INFINITY),
    minutes: minutes ?? Number.POSITIVE_INFINITY,
    trace,
    models: model === undefined ? models : [model],
  };
}
