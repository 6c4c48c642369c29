import { parseArgs } from "node:util";
import type { Bench, BenchOptions } from "./bench.ts";
import { eventsBench } from "./events.ts";
import { graphBench } from "./graph.ts";
import { logBench } from "./log.ts";
import { recoveryBench } from "./recovery.ts";
import { snapshotBench } from "./snapshot.ts";

const benches: Readonly<Record<string, Bench>> = {
  events: eventsBench,
  log: logBench,
  graph: graphBench,
  recovery: recoveryBench,
  snapshot: snapshotBench,
};

const SECONDS_MAX = 3_600;
const ROUNDS_MAX = 1_000;
const STATE_MIB_MAX = 16_384;
const NODES_MAX = 1_000_000;
const USAGE = `usage: npm run bench -- NAME [options] [--json]

${Object.entries(benches)
  .map(([name, { about }]) => `  ${name.padEnd(12)} ${about}`)
  .join("\n")}

  --seconds N    for each measurement
  --rounds N     of a benchmark that goes in rounds; of log, the medians of so many
  --peers A,B    log, events: the same load on these too, if they are installed
  --only PART    log: series, failover, values or members alone
  --state-mib N  snapshot: size of the replicated state
  --nodes N      graph: of the cluster, with ten instances on each
  --dir PATH     graph: fills it with that state once, and takes it up again in later runs
  --quick        only to see that it works: shorter, and less of it
  --json         the last line is the report as one JSON object`;

interface Request {
  readonly bench: Bench;
  readonly options: Omit<BenchOptions, "say">;
  readonly json: boolean;
}

/** Throws with what is wrong with the arguments. */
function requestOf(args: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: { type: "string" },
      rounds: { type: "string" },
      peers: { type: "string", default: "" },
      only: { type: "string" },
      "state-mib": { type: "string" },
      nodes: { type: "string" },
      dir: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const [name, ...rest] = positionals;
  if (name === undefined || rest.length > 0) throw new Error("name one benchmark");
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
  if (bench === undefined) throw new Error(`unknown benchmark "${name}". Known: ${Object.keys(benches).join(", ")}.`);
  const options = {
    seconds: numberOf("seconds", values.seconds, SECONDS_MAX),
    rounds: wholeOf("rounds", values.rounds, ROUNDS_MAX),
    stateMib: wholeOf("state-mib", values["state-mib"], STATE_MIB_MAX),
    nodes: wholeOf("nodes", values.nodes, NODES_MAX),
    dir: values.dir,
    peers: values.peers.split(",").filter((peer) => peer !== ""),
    only: values.only,
    isQuick: values.quick,
  };
  return { bench, options, json: values.json };
}

function numberOf(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0 && value <= max)) throw new Error(`--${name} ${text}: a number above 0, at most ${max}, is needed`);
  return value;
}

function wholeOf(name: string, text: string | undefined, max: number): number | undefined {
  const value = numberOf(name, text, max);
  if (value !== undefined && !Number.isInteger(value)) throw new Error(`--${name} ${text}: a whole number is needed`);
  return value;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  let request: Request;
  try {
    request = requestOf(args);
  } catch (error) {
    console.error(`bench: ${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
  const { bench, options, json } = request;
  try {
    const report = await bench.run({ ...options, say: console.log });
    if (json) console.log(JSON.stringify(report));
    return 0;
  } catch (error) {
    console.error(`bench: could not measure: ${messageOf(error)}`);
    return 1;
  }
}

// Not `exitCode`: what a client of another system has left open would keep this process.
process.exit(await main(process.argv.slice(2)));
