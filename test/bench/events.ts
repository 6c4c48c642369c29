import { tmpdir } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { type Child, Scratch } from "../log-group/scratch.ts";
import { type Bench, type BenchOptions, type Bound, judge, quantile, round, table } from "./bench.ts";
import { costOf } from "./cost.ts";
import { COUNTED, RULED } from "./events/event-types.ts";
import { startJetstreamQueue } from "./events/jetstream.ts";
import type { Done } from "./events/load.ts";
import { EVENT_BYTES, type Seen } from "./events/mark.ts";
import { countBy, type EventSystem, PRODUCERS, runLoad, seenBy, startHalon } from "./events/system.ts";
import { notOnPath } from "./machine.ts";

const SECONDS_DEFAULT = 10;
const SECONDS_QUICK = 3;
const WARM_UP_SECONDS = 5;
/** Events of each producer without an answer. */
const IN_FLIGHT = 2_048;
const JETSTREAM_IN_FLIGHT = 1_024;
/** Of all producers together, for the latencies. */
const PACE_PER_S = 1_000;
/** Until the consumer has seen all that was acknowledged. */
const DRAIN_MS_MAX = 120_000;
const PAUSE_MS = 2_000;

const BOUNDS: readonly Bound[] = [
  { figure: "per_s", atLeast: 100_000, note: "counted by one rule without instances" },
  { figure: "consumed_per_s", atLeast: 100_000 },
  { figure: "p99_ms_1000", atMost: 20 },
  { figure: "ratio_jetstream", atLeast: 3, note: "jetstream does not fsync before it answers" },
  { figure: "lost", atMost: 0 },
  { figure: "duplicated", atMost: 0 },
];

type Figures = Record<string, number>;
type Say = BenchOptions["say"];

/** Events from many processes to a live coordinator. */
export const eventsBench: Bench = {
  about: `acknowledged events/s from ${PRODUCERS} producers to a live coordinator, and their latency; --peers jetstream`,
  async run({ seconds: asked, peers, isQuick, say }) {
    const seconds = asked ?? (isQuick ? SECONDS_QUICK : SECONDS_DEFAULT);
    const unknown = peers.filter((peer) => peer !== "jetstream");
    if (unknown.length > 0) throw new Error(`unknown peer ${unknown.join(", ")}. Known: jetstream.`);
    const abouts: Record<string, string> = {};
    const figures: Figures = await inScratch(async (scratch) => {
      const halon = await startHalon(scratch);
      abouts["halon"] = halon.about;
      say(halon.about);
      return measureHalon(halon, seconds, say);
    });
    if (peers.length > 0 && notOnPath("nats-server").length === 0) {
      await wait(PAUSE_MS);
      Object.assign(
        figures,
        await inScratch(async (scratch) => {
          const jetstream = await startJetstreamQueue(scratch);
          abouts["jetstream"] = jetstream.about;
          say(jetstream.about);
          return measureJetstream(jetstream, seconds, say);
        }),
      );
      const [ours = 0, theirs = 1] = [figures["per_s"], figures["jetstream_per_s"]];
      figures["ratio_jetstream"] = round(ours / theirs);
    }
    for (const line of ["", ...judge(BOUNDS, figures)]) say(line);
    const settings = { producers: PRODUCERS, stations: 3, eventBytes: EVENT_BYTES, seconds, directory: tmpdir() };
    const rule =
      "per_s, consumed_per_s and p99_ms_1000: one counting rule without instances; ruled_per_s: a rule of one step, an instance per event";
    return { name: "events", settings: { ...settings, inFlight: IN_FLIGHT, rule, ...abouts }, figures };
  },
};

async function inScratch<T>(use: (scratch: Scratch) => Promise<T>): Promise<T> {
  const scratch = new Scratch();
  try {
    return await use(scratch);
  } finally {
    await scratch.end();
  }
}

async function measureHalon(system: EventSystem, seconds: number, say: Say): Promise<Figures> {
  await runLoad(system, { type: COUNTED, seconds: WARM_UP_SECONDS, inFlight: IN_FLIGHT });
  await drained(system);
  const counted = await saturate(system, { type: COUNTED, seconds, inFlight: IN_FLIGHT }, say);
  const paced = await pace(system, seconds, say);
  say(`  ${PACE_PER_S}/s: seen by the rule p50 ${paced.p50.toFixed(2)} ms, p99 ${paced.p99.toFixed(2)} ms`);
  await runLoad(system, { type: RULED, seconds: 1, inFlight: IN_FLIGHT / 16 });
  await drained(system);
  const ruled = await saturate(system, { type: RULED, seconds: Math.min(seconds, 5), inFlight: IN_FLIGHT / 16 }, say);
  const { lost, duplicated } = await drained(system);
  return {
    ...counted,
    p50_ms_1000: round(paced.p50),
    p99_ms_1000: round(paced.p99),
    ack_p99_ms_1000: round(paced.ackP99),
    ruled_per_s: ruled["consumed_per_s"] ?? 0,
    lost,
    duplicated,
  };
}

async function measureJetstream(system: EventSystem, seconds: number, say: Say): Promise<Figures> {
  const load = { type: COUNTED, seconds: WARM_UP_SECONDS, inFlight: JETSTREAM_IN_FLIGHT };
  await runLoad(system, load);
  await drained(system);
  const figures = await saturate(system, { ...load, seconds }, say);
  const { lost, duplicated } = await drained(system);
  const own = { ...figures, lost, duplicated };
  return Object.fromEntries(Object.entries(own).map(([name, value]) => [`jetstream_${name}`, value]));
}

/** As fast as it goes, for that long. */
async function saturate(
  system: EventSystem,
  load: { readonly type: string; readonly seconds: number; readonly inFlight: number },
  say: Say,
): Promise<Figures> {
  const pids = Object.values(system.roles).flat();
  const before = costsOf(system);
  const seenBefore = await countBy(system);
  const messagesBefore = (await system.messages?.()) ?? 0;
  const over = runLoad(system, load);
  await wait(load.seconds * 1_000);
  const after = costsOf(system);
  const seen = (await countBy(system)) - seenBefore;
  const messages = ((await system.messages?.()) ?? 0) - messagesBefore;
  const done = await over;
  for (const { failure } of pids) if (failure !== undefined) throw new Error(failure);
  const perSecond = sum(done.map(({ inTime }) => inTime)) / load.seconds;
  const latencies = sorted(done.map(({ latenciesMs }) => latenciesMs));
  say(`  ${load.type}: ${perSecond.toFixed(0)}/s acknowledged, ${(seen / load.seconds).toFixed(0)}/s consumed`);
  const rows = Object.keys(before).map((role) => {
    const us = (after[role] ?? 0) - (before[role] ?? 0);
    return [role, (us / load.seconds / 1e6).toFixed(2), (us / load.seconds / perSecond).toFixed(2)];
  });
  for (const line of table([["", "cores", "us per event"], ...rows])) say(`  ${line}`);
  if (messages > 0) say(`  ${(messages / load.seconds).toFixed(0)} messages/s`);
  const costs = Object.fromEntries(rows.map(([role, , us]) => [`cpu_us_${role}`, Number(us)]));
  return {
    per_s: round(perSecond),
    consumed_per_s: round(seen / load.seconds),
    ack_p50_ms: round(quantile(latencies, 0.5)),
    ack_p99_ms: round(quantile(latencies, 0.99)),
    ...costs,
  };
}

/** Evenly, and not much. */
async function pace(system: EventSystem, seconds: number, say: Say) {
  const load = { type: COUNTED, perSecond: PACE_PER_S / PRODUCERS };
  await runLoad(system, { ...load, seconds: 2 });
  await drained(system);
  const before = costsOf(system);
  const done = await runLoad(system, { ...load, seconds });
  const after = costsOf(system);
  for (const role of Object.keys(before))
    say(`  ${role}: ${(((after[role] ?? 0) - (before[role] ?? 0)) / seconds / 1e6).toFixed(2)} cores`);
  const { seen } = await drained(system);
  const latencies = sorted([seen.latenciesMs]);
  const ackP99 = quantile(sorted(done.map(({ latenciesMs }) => latenciesMs)), 0.99);
  return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), ackP99 };
}

/** Waits until the consumer has seen as many events as were acknowledged. */
async function drained(
  system: EventSystem,
): Promise<{ readonly seen: Seen; readonly lost: number; readonly duplicated: number }> {
  const done: readonly Done[] = await runLoad(system, { type: COUNTED, seconds: 0 });
  const acknowledged = sum(done.map((each) => each.acknowledged));
  const endMs = performance.now() + DRAIN_MS_MAX;
  while ((await countBy(system)) < acknowledged && performance.now() < endMs) await wait(50);
  const seen = await seenBy(system);
  const lost = sum(done.map((each, at) => Math.max(0, each.acknowledged - (seen.producers[at]?.count ?? 0))));
  return { seen, lost, duplicated: seen.duplicated };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function sorted(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(sum(parts.map(({ length }) => length)));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.sort();
}

/** User and system time so far, by role. */
const costsOf = ({ roles }: EventSystem): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(roles).map(([role, children]) => [role, cpuUs(children)]));

function cpuUs(children: readonly Child[]): number {
  const { user, system } = process.cpuUsage();
  return (costOf(children.map(({ pid }) => pid))?.cpuUs ?? 0) - user - system;
}
