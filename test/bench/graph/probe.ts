import { monitorEventLoopDelay } from "node:perf_hooks";
import type { ProbeAnswer, ProbeQuestion, Vitals } from "./messages.ts";

const RESOLUTION_MS = 5;
const MIB = 1_024 * 1_024;

const stalls = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
stalls.enable();

function vitals(collect: boolean): Vitals {
  // What it takes is not the process's own doing.
  const stallMs = Math.max(0, stalls.max / 1e6 - RESOLUTION_MS);
  if (collect) (globalThis as { readonly gc?: () => void }).gc?.();
  return { stallMs, heapMib: process.memoryUsage().heapUsed / MIB };
}

/** Looked at from without: this module is loaded into a process that knows nothing of it. */
process.on("message", (question: ProbeQuestion) => {
  if (question.kind !== "vitals") return;
  const { kind, token, reset, collect } = question;
  const answer: ProbeAnswer = { kind, token, vitals: vitals(collect) };
  process.send?.(answer);
  if (reset) setImmediate(() => stalls.reset());
});
// The channel alone keeps no process alive.
process.channel?.unref();
