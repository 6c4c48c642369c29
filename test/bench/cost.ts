import { readFileSync } from "node:fs";

/** Of `utime` and `stime` in /proc/PID/stat: the same on all Linux that there is. */
const TICK_US = 10_000;

export interface Cost {
  /** Of all processes of a system, and of this one, which is its client. */
  readonly cpuUs: number;
  /** Over the loopback interface, with all headers. Of everything on this machine. */
  readonly loopbackBytes: number;
}

/** What was used so far, to be subtracted from what was used later. `undefined` where there is no /proc to tell. */
export function costOf(pids: readonly number[]): Cost | undefined {
  try {
    const { user, system } = process.cpuUsage();
    const cpuUs = pids.reduce((sum, pid) => sum + cpuUsOf(pid), user + system);
    const [, loopback = ""] = /^\s*lo:\s*(\d+)/m.exec(readFileSync("/proc/net/dev", "utf8")) ?? [];
    return { cpuUs, loopbackBytes: Number(loopback) };
  } catch {
    return undefined;
  }
}

function cpuUsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may contain anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}
