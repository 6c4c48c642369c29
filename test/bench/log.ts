import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Post, subjectsOf } from "@halon/proto";
import { LogReplicator } from "@halon/replicator";
import { systemClock, systemRandom } from "@halon/runtime";
import { openTransportNats } from "@halon/transport-nats";
import { NatsServer } from "../acceptance/nats-server.ts";
import { type Bench, type BenchOptions, quantile, type Report, table } from "./bench.ts";

const CLUSTER = "bench";
const STATIONS = ["a", "b", "c"] as const;
const IN_FLIGHT = [1, 64, 1_000] as const;
const COMMAND_BYTES = 256;
const SECONDS_DEFAULT = 5;
/** Run before each measurement, and not counted. */
const WARM_UP_SECONDS = 1;
/** Run before all: what is measured is code that has been compiled, as in a station that has run for a while. */
const COMPILE_SECONDS = 2;
/** For the first command to be answered: processes start and a leader is elected. */
const START_MS_MAX = 60_000;

interface Measured {
  readonly inFlight: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Commands to a log of three stations, each answered when a majority has it on disk. */
export const logBench: Bench = {
  about: `commands/s and latency of the replicated log, at ${IN_FLIGHT.join(", ")} in flight`,
  async run(options) {
    const dir = mkdtempSync(join(tmpdir(), "halon-bench-"));
    const nats = await NatsServer.start();
    const stations = STATIONS.map((self) => startStation(self, nats.url, join(dir, self)));
    try {
      return await measureAll(nats.url, stations, options);
    } finally {
      await Promise.all(stations.map(end));
      await nats.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

function startStation(self: string, url: string, dir: string): ChildProcess {
  const program = fileURLToPath(new URL("log-station.js", import.meta.url));
  // Node's own flags go along: `--cpu-prof` profiles the stations too.
  const args = [...process.execArgv, program, CLUSTER, self, STATIONS.join(","), url, dir];
  return spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

async function measureAll(
  url: string,
  stations: readonly ChildProcess[],
  { seconds = SECONDS_DEFAULT, say }: BenchOptions,
): Promise<Report> {
  const died = Promise.race(
    stations.map(async (child) => {
      const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
      throw new Error(`a station ended with ${signal ?? code}: what it said is above`);
    }),
  );
  const transport = await openTransportNats({ servers: [url], name: "client.bench" });
  const replicator = connect(new Post(transport, systemRandom, { cluster: CLUSTER, sender: "client.bench" }));
  const measure = async (): Promise<readonly Measured[]> => {
    await firstAnswer(replicator);
    await load(replicator, Math.max(...IN_FLIGHT), COMPILE_SECONDS);
    const all: Measured[] = [];
    for (const inFlight of IN_FLIGHT) {
      await load(replicator, inFlight, WARM_UP_SECONDS);
      all.push(await load(replicator, inFlight, seconds));
    }
    return all;
  };
  try {
    const all = await Promise.race([measure(), died]);
    for (const line of table([HEADER, ...all.map(rowOf)])) say(line);
    return { name: "log", settings: settingsOf(seconds), figures: figuresOf(all) };
  } finally {
    replicator.stop();
    await transport.close();
    died.catch(() => undefined);
  }
}

function connect(post: Post): LogReplicator {
  const subjects = subjectsOf(CLUSTER);
  const request: ConstructorParameters<typeof LogReplicator>[1]["request"] = (to, bytes, timeoutMs, done) => {
    const body = { kind: "submit", value: { bytes } } as const;
    post.request(subjects.stationSubmit(to), body, "submitReply", timeoutMs, (outcome) =>
      done(outcome.kind === "reply" ? outcome.value.bytes : undefined),
    );
  };
  return new LogReplicator({ members: STATIONS }, { clock: systemClock, random: systemRandom, request });
}

async function firstAnswer(replicator: LogReplicator): Promise<void> {
  const given = new AbortController();
  const answered = new Promise<void>((done) => replicator.update(command(0), {}, () => done()));
  const late = wait(START_MS_MAX, undefined, { signal: given.signal }).then(() => {
    throw new Error(`no answer from the stations within ${START_MS_MAX} ms`);
  });
  late.catch(() => undefined);
  await Promise.race([answered, late]);
  given.abort();
}

function command(number: number): Uint8Array {
  const bytes = new Uint8Array(COMMAND_BYTES);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

/** Keeps so many commands without an answer for that long. Counts those answered in that time. */
async function load(replicator: LogReplicator, inFlight: number, seconds: number): Promise<Measured> {
  const latenciesMs: number[] = [];
  const startMs = systemClock.nowMs();
  const endMs = startMs + seconds * 1_000;
  let number = 0;
  await new Promise<void>((resolve, reject) => {
    let open = inFlight;
    const submit = (): void => {
      const sentMs = systemClock.nowMs();
      replicator.update(command(number++), {}, (outcome) => {
        const nowMs = systemClock.nowMs();
        if (outcome.kind !== "result") return reject(new Error(`a command came to ${JSON.stringify(outcome)}`));
        if (nowMs <= endMs) {
          latenciesMs.push(nowMs - sentMs);
          submit();
        } else if (--open === 0) resolve();
      });
    };
    for (let at = 0; at < inFlight; at++) submit();
  });
  if (latenciesMs.length === 0) throw new Error(`no answer within ${seconds} s`);
  const sorted = Float64Array.from(latenciesMs).sort();
  const perSecond = latenciesMs.length / seconds;
  return { inFlight, perSecond, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) };
}

const HEADER = ["in flight", "per second", "p50 ms", "p99 ms"];
const rowOf = ({ inFlight, perSecond, p50Ms, p99Ms }: Measured): readonly string[] => [
  String(inFlight),
  perSecond.toFixed(0),
  p50Ms.toFixed(2),
  p99Ms.toFixed(2),
];

const settingsOf = (seconds: number): Report["settings"] => ({
  stations: STATIONS.length,
  station:
    "a process with the log stack of station-replica (Paxos, journal-file, store-lmdb, transport-nats) and a state machine that puts one key",
  journal: "fdatasync before each acknowledgement",
  clients: "1 process, exactly-once updates of one session",
  commandBytes: COMMAND_BYTES,
  seconds,
});

const round = (value: number): number => Number(value.toPrecision(4));

const figuresOf = (all: readonly Measured[]): Report["figures"] =>
  Object.fromEntries(
    all.flatMap(({ inFlight, perSecond, p50Ms, p99Ms }) => [
      [`per_s_${inFlight}`, round(perSecond)],
      [`p50_ms_${inFlight}`, round(p50Ms)],
      [`p99_ms_${inFlight}`, round(p99Ms)],
    ]),
  );
