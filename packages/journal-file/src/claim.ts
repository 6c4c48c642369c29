import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { JournalError } from "@halon/runtime";

const PREFIX = "claim.";

interface Owner {
  readonly pid: number;
  /** When the process started, in the kernel's ticks since boot; tells a reused pid apart. "0" where unknown. */
  readonly startTicks: string;
  readonly bootId: string;
}

/** Whether a file of the directory says who has it open. */
export const isClaim = (name: string): boolean => name.startsWith(PREFIX);

/**
 * Takes a directory for this process alone and returns what gives it back. Throws `in-use` naming the process that has
 * it; what a dead process left is removed.
 *
 * Each opener first puts down a file whose *name* says who it is, and then looks for others. Of two that come at once at
 * least one sees the other, and to remove what a dead one left is safe, as no name comes twice. With one lock file for
 * all, two that find it stale could each remove it, the second of them the first one's new lock. Two that come at once
 * may both be refused; that is the harmless side.
 *
 * It guards against a second process of the same machine (more exactly: of the same pid namespace).
 */
export function claim(dir: string): () => void {
  const mine = claimName(thisProcess());
  const path = join(dir, mine);
  writeFileSync(path, "", { flag: "wx" });
  const release = (): void => rmSync(path, { force: true });
  for (const name of readdirSync(dir).filter((name) => isClaim(name) && name !== mine)) {
    const owner = ownerOf(name);
    if (owner !== undefined && isAlive(owner)) {
      release();
      throw new JournalError(
        "in-use",
        `${dir} is in use by process ${owner.pid}: stop that first (if it has nothing to do with this journal, remove ${name})`,
      );
    }
    rmSync(join(dir, name), { force: true });
  }
  return release;
}

const claimName = ({ pid, startTicks, bootId }: Owner): string =>
  `${PREFIX}${pid}.${startTicks}.${bootId}.${randomUUID()}`;

function ownerOf(name: string): Owner | undefined {
  const match = /^claim\.(\d+)\.(\d+)\.([0-9a-f-]+)\./.exec(name);
  if (match === null) return undefined;
  return { pid: Number(match[1]), startTicks: match[2] as string, bootId: match[3] as string };
}

const thisProcess = (): Owner => ({
  pid: process.pid,
  startTicks: statOf(process.pid)?.startTicks ?? "0",
  bootId: bootId(),
});

function isAlive({ pid, startTicks, bootId: theirs }: Owner): boolean {
  if (theirs !== bootId()) return false;
  const stat = statOf(pid);
  if (stat !== undefined) return stat.startTicks === startTicks && !"ZX".includes(stat.state);
  if (startTicks !== "0") return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** State and start of a process from /proc; undefined where there is no such process, or no /proc. */
function statOf(pid: number): { readonly state: string; readonly startTicks: string } | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, which may itself have blanks and parentheses.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields === undefined ? undefined : { state: fields[0] ?? "", startTicks: fields[19] ?? "0" };
}

const bootId = (): string => readIfThere("/proc/sys/kernel/random/boot_id")?.trim() ?? "0";

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
