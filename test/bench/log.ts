import { tmpdir } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { Scratch } from "../log-group/scratch.ts";
import { type Bench, type BenchOptions, judge, type Report, table } from "./bench.ts";
import { LOG_BOUNDS, ratiosOf } from "./bounds.ts";
import { measureFailover } from "./failover.ts";
import { Halon } from "./halon.ts";
import { PEERS, type Peer } from "./peers.ts";
import {
  CLIENTS,
  type Figures,
  IN_FLIGHT,
  IN_FLIGHT_MAX,
  measureSeries,
  type Pace,
  type Row,
  VALUE_BYTES,
} from "./series.ts";
import { sweepMembers, sweepValues } from "./sweeps.ts";
import { KEYS, type System } from "./system.ts";

const MEMBERS = 3;
const SECONDS_DEFAULT = 10;
const FAILOVERS = 20;
const QUICK = { seconds: 2, failovers: 3 } as const;
/** Between two systems: one does not pay for what the other has left to the disk. */
const PAUSE_MS = 2_000;

/** `series`: beside the peers; the others of this log alone. */
const PARTS = ["series", "failover", "values", "members"] as const;
type Part = (typeof PARTS)[number];

type Noted = Row & { readonly system: string };

interface Run {
  readonly pace: Pace;
  readonly failovers: number;
  readonly isQuick: boolean;
  readonly say: BenchOptions["say"];
  /** What was measured so far, for the table. */
  readonly rows: Noted[];
  /** Of the peers too: what each is, by its name. */
  readonly abouts: Map<string, string>;
}

/** Commands to a log of three stations, each answered when a majority has it on disk; and the same load on other systems. */
export const logBench: Bench = {
  about: `commands/s and latency of the replicated log, its failover, its cost; on others too with --peers ${PEERS.map(({ name }) => name).join(",")}`,
  async run({ seconds, rounds = 1, peers, only, isQuick, say }) {
    const run = runOf(seconds, isQuick, say);
    const chosen = choose(peers, say);
    const parts = partsOf(only);
    const perRound: Figures[] = [];
    for (let round = 1; parts.has("series") && round <= rounds; round++) {
      if (rounds > 1) say(`round ${round} of ${rounds}`);
      const figures = { ...(await measureHalon(run)) };
      for (const peer of chosen) {
        await wait(PAUSE_MS);
        Object.assign(figures, await measurePeer(peer, run));
      }
      perRound.push({ ...figures, ...ratiosOf(figures) });
    }
    const figures = { ...medians(perRound), ...(await measureRest(run, parts)) };
    for (const line of [...tell(run.rows), "", ...judge(LOG_BOUNDS, figures)]) say(line);
    for (const { name, caveat } of chosen) if (caveat !== undefined && run.abouts.has(name)) say(`note: ${caveat}`);
    return { name: "log", settings: settingsOf(run, rounds), figures };
  },
};

function runOf(seconds: number | undefined, isQuick: boolean, say: BenchOptions["say"]): Run {
  const pace = {
    seconds: seconds ?? (isQuick ? QUICK.seconds : SECONDS_DEFAULT),
    warmUpSeconds: isQuick ? 1 : 2,
    compileSeconds: isQuick ? 2 : 5,
  };
  const failovers = isQuick ? QUICK.failovers : FAILOVERS;
  return { pace, failovers, isQuick, say, rows: [], abouts: new Map() };
}

/** Throws on one that there is not. */
function partsOf(only: string | undefined): ReadonlySet<Part> {
  const parts = PARTS.filter((part) => only === undefined || part === only);
  if (parts.length === 0) throw new Error(`unknown part ${only}. Known: ${PARTS.join(", ")}.`);
  return new Set(parts);
}

/** Those that are asked for and here. Throws on a name that nobody has. */
function choose(names: readonly string[], say: BenchOptions["say"]): readonly Peer[] {
  const unknown = names.filter((name) => !PEERS.some((peer) => peer.name === name));
  if (unknown.length > 0)
    throw new Error(`unknown peer ${unknown.join(", ")}. Known: ${PEERS.map(({ name }) => name).join(", ")}.`);
  return PEERS.filter((peer) => {
    if (!names.includes(peer.name)) return false;
    const missing = peer.missing();
    if (missing.length > 0) say(`${peer.name} is left out: ${missing.join(", ")} is not here. ${peer.remedy}`);
    return missing.length === 0;
  });
}

/** Has a scratch for its time. */
async function inScratch<T>(use: (scratch: Scratch) => Promise<T>): Promise<T> {
  const scratch = new Scratch();
  try {
    return await use(scratch);
  } finally {
    await scratch.end();
  }
}

/** Tells of each row as it comes, and keeps it for the table. */
function noteOf(system: string, { say, rows }: Run): (row: Row) => void {
  return (row) => {
    rows.push({ system, ...row });
    const { perSecond, p50Ms, p99Ms, failed, failure } = row.measured;
    const bad = failed === 0 ? "" : `; ${failed} FAILED: ${failure}`;
    say(`  ${row.load}: ${perSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms${bad}`);
  };
}

function announce(name: string, system: System, { abouts, say }: Run): void {
  abouts.set(name, system.about);
  say(`${name} (${system.about})`);
}

const measureHalon = (run: Run): Promise<Figures> =>
  inScratch(async (scratch) => {
    const halon = await Halon.start(scratch, { members: MEMBERS });
    announce("halon", halon, run);
    const figures = await measureSeries(halon, run.pace, noteOf("halon", run));
    await halon.assertSound();
    return figures;
  });

/** One that fails is reported and has no figures: what it says about itself does not hinder the rest. */
async function measurePeer(peer: Peer, run: Run): Promise<Figures> {
  try {
    return await inScratch(async (scratch) => {
      const system = await peer.start(scratch);
      announce(peer.name, system, run);
      const figures = await measureSeries(system, run.pace, noteOf(peer.name, run));
      return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${peer.name}_${name}`, value]));
    });
  } catch (error) {
    run.abouts.delete(peer.name);
    run.say(`${peer.name} is left out: ${error instanceof Error ? error.message : String(error)}`);
    return {};
  }
}

/** What is not compared: failover, other sizes of values and groups. */
async function measureRest(run: Run, parts: ReadonlySet<Part>): Promise<Figures> {
  const { pace, isQuick, say } = run;
  const figures: Record<string, number> = {};
  if (parts.has("failover")) {
    say(`halon, its leader killed ${run.failovers} times`);
    const measure = async (scratch: Scratch): Promise<Figures> =>
      measureFailover(await Halon.start(scratch, { members: MEMBERS }), run.failovers, say);
    Object.assign(figures, await inScratch(measure));
  }
  if (parts.has("values") && !isQuick) {
    say("halon, values of other sizes");
    const measure = async (scratch: Scratch): Promise<Figures> =>
      sweepValues(await Halon.start(scratch, { members: MEMBERS }), pace, noteOf("halon", run));
    Object.assign(figures, await inScratch(measure));
  }
  if (parts.has("members") && !isQuick) {
    say("halon, groups of other sizes");
    Object.assign(figures, await sweepMembers(pace, noteOf("halon", run)));
  }
  return figures;
}

/** Of each figure, over the rounds that have it. */
function medians(rounds: readonly Figures[]): Figures {
  const names = new Set(rounds.flatMap((figures) => Object.keys(figures)));
  const medianOf = (name: string): number => {
    const sorted = rounds.flatMap((figures) => figures[name] ?? []).sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    const upper = sorted[middle] as number;
    return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
  };
  return Object.fromEntries([...names].map((name) => [name, medianOf(name)]));
}

const tell = (rows: readonly Noted[]): readonly string[] => [
  "",
  ...table([
    ["system", "load", "per second", "p50 ms", "p99 ms", "failed"],
    ...rows.map(({ system, load, measured: { perSecond, p50Ms, p99Ms, failed } }) => [
      system,
      load,
      perSecond.toFixed(0),
      p50Ms.toFixed(2),
      p99Ms.toFixed(2),
      String(failed),
    ]),
  ]),
];

const settingsOf = ({ pace, failovers, isQuick, abouts }: Run, rounds: number): Report["settings"] => ({
  members: MEMBERS,
  machine: "all processes on this one",
  directory: tmpdir(),
  ...Object.fromEntries([...abouts].map(([name, about]) => [name, about])),
  clients: `1 process; 1 connection, and ${CLIENTS} with 10 in flight each`,
  inFlight: IN_FLIGHT.join(", "),
  coalescing:
    "halon's client sends calls that wait together as one request; stations put what has arrived into one decree",
  valueBytes: VALUE_BYTES,
  keys: KEYS,
  ...pace,
  rounds,
  failovers,
  quick: isQuick ? "yes" : "no",
  [`cpu_us_per_command_${IN_FLIGHT_MAX}`]: "user and system time of all servers, the broker and the client process",
  [`wire_bytes_per_command_${IN_FLIGHT_MAX}`]: "payload bytes that the broker took in, and gave out to each receiver",
  [`loopback_bytes_per_command_${IN_FLIGHT_MAX}`]: "all bytes on the loopback interface, headers included",
});
