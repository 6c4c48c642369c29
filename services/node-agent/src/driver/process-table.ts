import { readdirSync, readFileSync } from "node:fs";

/** What the kernel says of a process. Linux only. */
export interface ProcessStat {
  readonly pid: number;
  readonly group: number;
  /** Differs between two processes that had the same pid, also of different boots. */
  readonly birth: string;
}

let boot: string | undefined;
const bootId = (): string => (boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim().slice(0, 8));

/** Fields of `/proc/PID/stat` behind the command's closing parenthesis. */
const STATE = 0;
const GROUP = 2;
const START_TICKS = 19;

/** `undefined` when there is no such process, or only what is left of an ended one. */
export function statOf(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const isGone = fields[STATE] === "Z" || fields[STATE] === "X";
  return isGone ? undefined : { pid, group: Number(fields[GROUP]), birth: `${bootId()}-${fields[START_TICKS]}` };
}

/** True while exactly this process is alive. */
export const isAlive = ({ pid, birth }: { readonly pid: number; readonly birth: string }): boolean =>
  statOf(pid)?.birth === birth;

/** Environments of all leaders of process groups that this user may look at. */
export function* groupLeaders(): Generator<readonly [stat: ProcessStat, env: ReadonlyMap<string, string>]> {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(Number(name));
    if (stat === undefined || stat.group !== stat.pid) continue;
    const env = envOf(stat.pid);
    if (env !== undefined) yield [stat, env];
  }
}

function envOf(pid: number): ReadonlyMap<string, string> | undefined {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    return new Map(entries.map((entry) => [entry.split("=", 1)[0] ?? "", entry.slice(entry.indexOf("=") + 1)]));
  } catch {
    return undefined;
  }
}

/** True while any process of the group is alive; ended ones that nobody has waited for are not. */
export function isGroupAlive(pid: number): boolean {
  if (!signalGroup(pid, 0)) return false;
  return readdirSync("/proc").some((name) => /^\d+$/.test(name) && statOf(Number(name))?.group === pid);
}

/** Signals a whole process group. False when nothing is left of it. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}
