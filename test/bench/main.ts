import { parseArgs } from "node:util";
import type { Bench } from "./bench.ts";
import { logBench } from "./log.ts";
import { recoveryBench } from "./recovery.ts";

const benches: Readonly<Record<string, Bench>> = { log: logBench, recovery: recoveryBench };

const SECONDS_MAX = 3_600;
const ROUNDS_MAX = 1_000;
const USAGE = `usage: npm run bench -- NAME [--seconds N] [--rounds N] [--json]

${Object.entries(benches)
  .map(([name, { about }]) => `  ${name.padEnd(12)} ${about}`)
  .join("\n")}

  --seconds N  for each measurement
  --rounds N   of a benchmark that goes in rounds
  --json       the last line is the report as one JSON object`;

interface Request {
  readonly bench: Bench;
  readonly seconds: number | undefined;
  readonly rounds: number | undefined;
  readonly json: boolean;
}

/** Throws with what is wrong with the arguments. */
function requestOf(args: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seconds: { type: "string" }, rounds: { type: "string" }, json: { type: "boolean", default: false } },
  });
  const [name, ...rest] = positionals;
  if (name === undefined || rest.length > 0) throw new Error("name one benchmark");
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
  if (bench === undefined) throw new Error(`unknown benchmark "${name}". Known: ${Object.keys(benches).join(", ")}.`);
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (seconds !== undefined && !(seconds > 0 && seconds <= SECONDS_MAX))
    throw new Error(`--seconds ${values.seconds}: a number above 0, at most ${SECONDS_MAX}, is needed`);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0 && rounds <= ROUNDS_MAX))
    throw new Error(`--rounds ${values.rounds}: a whole number above 0, at most ${ROUNDS_MAX}, is needed`);
  return { bench, seconds, rounds, json: values.json };
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  let request: Request;
  try {
    request = requestOf(args);
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  const { bench, seconds, rounds, json } = request;
  const report = await bench.run({ seconds, rounds, say: console.log });
  if (json) console.log(JSON.stringify(report));
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
