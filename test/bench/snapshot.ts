import { setTimeout as wait } from "node:timers/promises";
import { Scratch, until } from "../log-group/scratch.ts";
import type { Station } from "../log-group/station.ts";
import { type Bench, type BenchOptions, type Bound, judge, type Report, round } from "./bench.ts";
import { DiskWatch } from "./disk-watch.ts";
import { Halon } from "./halon.ts";
import { load, pump } from "./load.ts";
import { manyOf } from "./put-machine.ts";
import { withClients } from "./series.ts";
import type { Client, Done } from "./system.ts";

const MEMBERS = 3;
const MIB = 1_024 * 1_024;
const STATE_MIB_DEFAULT = 1_024;
const STATE_MIB_QUICK = 64;
const VALUE_BYTES = 4_096;
/** Small, so that the log is soon trimmed past a member that is away. */
const SNAPSHOT_BYTES = 16 * MIB;
const IN_FLIGHT = 256;
const SECONDS_DEFAULT = 10;
const SECONDS_QUICK = 3;
/** Values that one command of the filling puts: nearly what a command may hold. */
const FILL_KEYS = 62;
const FILL_IN_FLIGHT = 8;
/** Progress lines of the filling. */
const FILL_SHARE = 10;
const AWAY_MS_MAX = 300_000;
const CATCHUP_MS_MAX = 900_000;
/** A member that comes to where the leader was, and not later than this, runs beside it. */
const EVEN_MS = 250;
const POLL_MS = 5;

/** Each has as many helpers as it has cores on this machine, where all share them: four in each would be in the way of the rest. */
const FLAGS = ["--v8-pool-size=1"];

const BOUNDS: readonly Bound[] = [{ figure: "stall_max_ms", atMost: 50 }];

/** A member comes back when the log has been trimmed past it, and pulls the state from its peers while they are at work. */
export const snapshotBench: Bench = {
  about: `a member that lacks a state of ${STATE_MIB_DEFAULT} MiB catches up by snapshot under load; --state-mib`,
  async run({ seconds: asked, stateMib: askedMib, isQuick, say }) {
    const seconds = asked ?? (isQuick ? SECONDS_QUICK : SECONDS_DEFAULT);
    const stateMib = askedMib ?? (isQuick ? STATE_MIB_QUICK : STATE_MIB_DEFAULT);
    const keys = Math.max(1, Math.round((stateMib * MIB) / VALUE_BYTES));
    const scratch = new Scratch();
    try {
      const halon = await Halon.start(scratch, { members: MEMBERS, keys, snapshotBytes: SNAPSHOT_BYTES, flags: FLAGS });
      const figures = await withClients(halon, 1, ([client]) =>
        measure(halon, scratch, client, { keys, seconds, say }),
      );
      for (const line of judge(BOUNDS, figures)) say(line);
      return { name: "snapshot", settings: settingsOf(stateMib, seconds), figures };
    } finally {
      await scratch.end();
    }
  },
};

interface Course {
  readonly keys: number;
  readonly seconds: number;
  readonly say: BenchOptions["say"];
}

async function measure(
  halon: Halon,
  scratch: Scratch,
  client: Client | undefined,
  { keys, seconds, say }: Course,
): Promise<Report["figures"]> {
  if (client === undefined) throw new Error("no client");
  const disk = new DiskWatch(halon.stations.map(({ name }) => `${scratch.dir(name)}/journal`));
  try {
    await fill(client, keys, say);
    const { perSecond: before } = await load([overwriteOf(client, keys)], { inFlight: IN_FLIGHT, seconds });
    say(`all members up: ${before.toFixed(0)} commands/s`);
    const stalls = new StallWatch(halon.stations);
    await stalls.begin();
    let answered = 0;
    const stop = pump([overwriteOf(client, keys)], IN_FLIGHT, (_, __, error) => {
      if (error === undefined) answered++;
    });
    const away = await leave(halon, stalls, say);
    const startMs = performance.now();
    const answeredBefore = answered;
    await away.start();
    say(`station ${away.name} is back`);
    const installedMs = await even(halon, away);
    const catchupS = (performance.now() - startMs) / 1_000;
    const during = (answered - answeredBefore) / catchupS;
    say(`even after ${catchupS.toFixed(2)} s; ${during.toFixed(0)} commands/s meanwhile`);
    await wait(seconds * 1_000);
    await stop();
    await halon.assertSound();
    await stalls.look(halon.stations);
    const { installs, rounds, receivedBytes, startStallMs } = await away.status();
    if (installs === 0) throw new Error("the station has caught up by its log: there was no snapshot to measure");
    return {
      stall_max_ms: round(stalls.maxMs),
      // Of these, what is not waiting for a core: members, broker and client share those of this machine.
      stall_own_max_ms: round(stalls.ownMaxMs),
      // Before it serves, it holds up nobody but itself.
      start_stall_ms: round(startStallMs),
      catchup_s: round(catchupS),
      // The rest of the time it takes what was decided meanwhile from the log.
      installed_s: round((installedMs - startMs) / 1_000),
      installs,
      rounds,
      received_mib: round(receivedBytes / MIB),
      throughput_kept_ratio: round(during / before),
      per_s_before: round(before),
      per_s_catchup: round(during),
      disk_max_ratio: round(disk.bytesMax / SNAPSHOT_BYTES),
    };
  } finally {
    disk.stop();
  }
}

/** Each key once, many in a command. */
async function fill(client: Client, keys: number, say: Course["say"]): Promise<void> {
  let next = 0;
  let isSaidAt = 0;
  const put = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const first = next;
      next = Math.min(keys, first + FILL_KEYS);
      if (first >= isSaidAt) {
        say(`filling: ${first} of ${keys} keys`);
        isSaidAt += Math.ceil(keys / FILL_SHARE);
      }
      const values = Array.from({ length: next - first }, (_, at) => versionOf(first + at, 0));
      client.write(first, manyOf(values), (error) => (error ? reject(error) : resolve()));
    });
  const worker = async (): Promise<void> => {
    while (next < keys) await put();
  };
  await Promise.all(Array.from({ length: FILL_IN_FLIGHT }, worker));
}

/** Another value for any key. */
const overwriteOf =
  (client: Client, keys: number) =>
  (number: number, done: Done): void => {
    client.write(number, versionOf(Math.floor(Math.random() * keys), number + 1), done);
  };

function versionOf(key: number, version: number): Buffer {
  const value = Buffer.alloc(VALUE_BYTES, version & 0xff);
  value.writeUInt32BE(key, 0);
  value.writeUInt32BE(version, 4);
  return value;
}

/** Kills a follower, and resolves with it when no other has the log any more that it will lack. */
async function leave(halon: Halon, stalls: StallWatch, say: Course["say"]): Promise<Station> {
  const leader = await halon.leader();
  const away = halon.stations.find((station) => station !== leader);
  if (away === undefined) throw new Error("no follower");
  await stalls.look([away]);
  await away.kill();
  const others = halon.stations.filter((station) => station !== away);
  const { applied } = await leader.status();
  say(`station ${away.name} is away, at decree ${applied} at most`);
  const children = others.flatMap(({ child }) => child ?? []);
  const trimmedPast = async (): Promise<true | undefined> => {
    const all = await Promise.all(others.map((station) => station.status()));
    return all.every(({ trimmed }) => trimmed > applied) || undefined;
  };
  await until("the log is trimmed past it", children, trimmedPast, AWAY_MS_MAX);
  return away;
}

/** Resolves when the station keeps up with the leader, with the time at which it first had the state of a peer. */
async function even(halon: Halon, station: Station): Promise<number> {
  let installedMs: number | undefined;
  const deadline = performance.now() + CATCHUP_MS_MAX;
  for (;;) {
    const { applied: goal } = await (await halon.leader()).status();
    const lateMs = performance.now() + EVEN_MS;
    while (performance.now() < lateMs) {
      const { applied, installs } = await station.status();
      if (installs > 0) installedMs ??= performance.now();
      if (applied >= goal) return installedMs ?? performance.now();
      await wait(POLL_MS);
    }
    if (performance.now() > deadline) throw new Error(`station ${station.name} does not catch up`);
  }
}

/** The longest stall of all stations, those included that were killed since. */
class StallWatch {
  readonly #stations: readonly Station[];
  maxMs = 0;
  ownMaxMs = 0;

  constructor(stations: readonly Station[]) {
    this.#stations = stations;
  }

  /** Forgets what was before. */
  async begin(): Promise<void> {
    await Promise.all(this.#stations.map((station) => station.status({ reset: true })));
  }

  /** Takes up what these have had so far. */
  async look(stations: readonly Station[]): Promise<void> {
    for (const station of stations) {
      const { stallMs, stallOwnMs } = await station.status();
      this.maxMs = Math.max(this.maxMs, stallMs);
      this.ownMaxMs = Math.max(this.ownMaxMs, stallOwnMs);
    }
  }
}

const settingsOf = (stateMib: number, seconds: number): Report["settings"] => ({
  members: MEMBERS,
  stateMib,
  valueBytes: VALUE_BYTES,
  snapshotMib: SNAPSHOT_BYTES / MIB,
  inFlight: IN_FLIGHT,
  seconds,
  nodeFlags: FLAGS.join(" "),
  load: "random keys are overwritten, by one client",
  stall:
    "longest time that the event loop of a station did not turn, while it serves; own: less the time for which the host had no core for it",
  disk: "files of the log, the reserve for a full disk left out, over the snapshot threshold; every 100 ms",
  throughput: "commands/s from the start of the process that was away until it is even, over those with all members up",
});
