import { setTimeout as wait } from "node:timers/promises";
import { type Child, until } from "../log-group/scratch.ts";
import type { Station } from "../log-group/station.ts";
import { within } from "../log-group/within.ts";
import { quantile, round } from "./bench.ts";
import type { Halon } from "./halon.ts";
import { pump } from "./load.ts";
import { type Figures, IN_FLIGHT_MAX, withClients, writesOf } from "./series.ts";

/** Under full load, before the next kill. */
const CALM_MS = 1_000;
const RESUME_MS_MAX = 30_000;

/**
 * Kills the leader's process under full load, again and again: how long until the first write is acknowledged of those
 * that were submitted after the kill.
 */
export async function measureFailover(halon: Halon, tries: number, say: (line: string) => void): Promise<Figures> {
  return withClients(halon, 1, async (clients) => {
    const [write] = writesOf(clients);
    if (write === undefined) throw new Error("no client");
    let killedMs = Number.POSITIVE_INFINITY;
    let resumed: (ms: number) => void = () => {};
    const onDone = (sentMs: number, nowMs: number, error?: Error): void => {
      if (error === undefined && sentMs > killedMs) resumed(nowMs - killedMs);
    };
    const stop = pump([write], IN_FLIGHT_MAX, onDone);
    const spansMs: number[] = [];
    for (let at = 1; at <= tries; at++) {
      await wait(CALM_MS);
      const leader = await halon.leader();
      const first = new Promise<number>((resolve) => {
        resumed = resolve;
      });
      killedMs = performance.now();
      const gone = leader.kill();
      // What was in flight waits for an answer, so that nothing else would be submitted for a while.
      const sentMs = performance.now();
      write(at, (error) => onDone(sentMs, performance.now(), error));
      const ms = await within(first, RESUME_MS_MAX, () => "no write is acknowledged since the leader was killed").catch(
        async (error: Error) => {
          throw new Error(`${error.message}\n${await halon.describe()}`);
        },
      );
      killedMs = Number.POSITIVE_INFINITY;
      spansMs.push(ms);
      await gone;
      await leader.start();
      await evenWithLeader(halon, leader);
      say(`  leader ${leader.name} killed, try ${at} of ${tries}: writes resume after ${ms.toFixed(0)} ms`);
    }
    await stop();
    await halon.assertSound();
    const sorted = Float64Array.from(spansMs).sort();
    return {
      leader_failover_p50_ms: round(quantile(sorted, 0.5)),
      leader_failover_max_ms: round(quantile(sorted, 1)),
    };
  });
}

/** Resolves when the station has applied all that the leader had applied when this was called. */
async function evenWithLeader(halon: Halon, station: Station, msMax?: number): Promise<void> {
  const { applied } = await (await halon.leader()).status();
  const children: readonly Child[] = station.child === undefined ? [] : [station.child];
  const isEven = async (): Promise<true | undefined> => (await station.status()).applied >= applied || undefined;
  await until(`station ${station.name} catches up`, children, isEven, msMax);
}
