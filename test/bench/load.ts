import { setTimeout as wait } from "node:timers/promises";
import { within } from "../log-group/within.ts";
import { quantile } from "./bench.ts";
import type { Done } from "./system.ts";

/** Does one thing; each time with another number. */
export type Call = (number: number, done: Done) => void;

export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answered in that time. */
  readonly count: number;
  readonly failed: number;
  /** Why the first of them failed. */
  readonly failure: string | undefined;
}

export interface LoadOptions {
  /** Calls without an answer, of each of the `calls`. */
  readonly inFlight: number;
  readonly seconds: number;
}

/** After the time is up, for what is under way. */
const DRAIN_MS_MAX = 60_000;
const RETRY_MS = 20;

/**
 * Keeps so many calls of each kind without an answer, until it is stopped. One that fails is followed by another, after a
 * pause. `onDone` is told when each was made and how it ended. Stopping resolves when all are answered, and throws when
 * some never are.
 */
export function pump(
  calls: readonly Call[],
  inFlight: number,
  onDone: (sentMs: number, nowMs: number, error: Error | undefined) => void,
): () => Promise<void> {
  let number = 0;
  let open = calls.length * inFlight;
  let drained: (() => void) | undefined;
  const loop = (call: Call): void => {
    const sentMs = performance.now();
    call(number++, (error) => {
      onDone(sentMs, performance.now(), error);
      if (drained !== undefined) {
        if (--open === 0) drained();
      } else if (error === undefined) loop(call);
      else setTimeout(() => (drained === undefined ? loop(call) : --open === 0 && drained()), RETRY_MS);
    });
  };
  for (const call of calls) for (let at = 0; at < inFlight; at++) loop(call);
  return () => {
    const all = new Promise<void>((resolve) => {
      drained = resolve;
    });
    return within(all, DRAIN_MS_MAX, () => `${open} calls have no answer`);
  };
}

/** Keeps so many calls without an answer for that long; counts those that are answered in that time. Throws when none is. */
export async function load(calls: readonly Call[], { inFlight, seconds }: LoadOptions): Promise<Measured> {
  const latenciesMs: number[] = [];
  let failed = 0;
  let failure: string | undefined;
  const endMs = performance.now() + seconds * 1_000;
  const stop = pump(calls, inFlight, (sentMs, nowMs, error) => {
    if (nowMs > endMs) return;
    if (error === undefined) latenciesMs.push(nowMs - sentMs);
    else {
      failed++;
      failure ??= error.message;
    }
  });
  await wait(endMs - performance.now());
  await stop();
  if (latenciesMs.length === 0) throw new Error(`nothing was done within ${seconds} s: ${failure ?? "no answer"}`);
  const sorted = Float64Array.from(latenciesMs).sort();
  return {
    perSecond: latenciesMs.length / seconds,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    count: latenciesMs.length,
    failed,
    failure,
  };
}
