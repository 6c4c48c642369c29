import { setTimeout as wait } from "node:timers/promises";
import { LocalError } from "./local-error.ts";
import { type MarkedProcess, type ProcessTable, signalProcess } from "./process-table.ts";

const POLL_MS = 50;
const KILL_POLL_MS = 5;
/** What is killed is gone soon; a process that hangs in the kernel may not be. */
const KILL_MS_MAX = 5_000;

type Which = (process: MarkedProcess) => boolean;

/** Agents first: one that lives would start again what is killed. */
const agentsFirst = (processes: readonly MarkedProcess[]): readonly MarkedProcess[] =>
  [...processes].sort((a, b) => Number(b.key === "agent") - Number(a.key === "agent"));

/** SIGKILL to all of these, again and again until none is left. Returns how many there were. */
export async function killAll(table: ProcessTable, which: Which): Promise<number> {
  const killed = new Set<string>();
  const deadlineMs = performance.now() + KILL_MS_MAX;
  for (;;) {
    const left = agentsFirst(table.scan().filter(which));
    if (left.length === 0) return killed.size;
    for (const each of left) {
      signalProcess(each, "SIGKILL");
      killed.add(`${each.pid} ${each.birth}`);
    }
    if (performance.now() > deadlineMs)
      throw new LocalError(
        `these cannot be killed: ${left.map(({ node, key, pid }) => `${node}.${key} (${pid})`).join(", ")}`,
      );
    await wait(KILL_POLL_MS);
  }
}

/** Waits until none of these is left. False when some still are at the deadline. */
export async function waitGone(table: ProcessTable, which: Which, deadlineMs: number): Promise<boolean> {
  const endMs = performance.now() + deadlineMs;
  while (table.scan().some(which)) {
    if (performance.now() > endMs) return false;
    await wait(POLL_MS);
  }
  return true;
}
