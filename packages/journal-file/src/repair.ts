import { closeSync, existsSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, dirname, join, parse, resolve } from "node:path";
import { JournalError } from "@halon/runtime";
import { isClaim } from "./claim.ts";
import { hostFileSystem, syncData, syncDir } from "./file-system.ts";
import { HEAD_BYTES, seqOfName } from "./format.ts";
import { type Finding, type InspectedSegment, inspectUnclaimed, type JournalInspection, withClaim } from "./inspect.ts";
import { markFailed, readFailed } from "./marks.ts";
import { RESERVE_NAME } from "./reserve.ts";

/** One thing that a repair does, in this order. */
export type RepairStep =
  | { readonly kind: "copy"; readonly to: string }
  /** The journal is never opened again. */
  | { readonly kind: "mark-failed"; readonly reason: string }
  | { readonly kind: "remove"; readonly file: string }
  | { readonly kind: "cut"; readonly file: string; readonly offset: number; readonly bytesCut: number };

export interface JournalRepair {
  readonly findings: readonly Finding[];
  /** Empty when there is nothing to repair. */
  readonly steps: readonly RepairStep[];
  /** Whether the steps were taken. */
  readonly isDone: boolean;
  /** Whether the journal can be opened when they were: only when nothing that was durable is lost. */
  readonly isUsable: boolean;
}

/**
 * Plans how a journal that no process has open becomes readable from its first record to its last, and with `yes` does it.
 * An incomplete last record is cut off, as opening would. Any other damage is where the journal ends from now on, and then it
 * is marked as failed: what it still holds can be inspected, but its owner must not vote with it again.
 *
 * The whole directory is copied, durably, beside it first. Rejects with a {@link JournalError}: `missing`, `in-use`,
 * `version`, `io`.
 */
export async function repairJournal(
  dir: string,
  { yes = false }: { readonly yes?: boolean } = {},
): Promise<JournalRepair> {
  return withClaim(dir, async () => {
    const inspection = inspectUnclaimed(dir);
    const { findings } = inspection;
    const other = findings.find(({ severity }) => severity === "version");
    if (other !== undefined) throw new JournalError("version", other.what);
    const steps = planOf(inspection);
    if (yes) for (const step of steps) await take(dir, step);
    const isUsable = findings.every(({ severity }) => severity === "torn");
    return { findings, steps, isDone: yes, isUsable };
  });
}

function planOf({ dir, findings, segments, failed }: JournalInspection): readonly RepairStep[] {
  const steps: RepairStep[] = [];
  const damage = findings.find(({ severity }) => severity === "damaged");
  if (damage !== undefined && failed === undefined)
    steps.push({ kind: "mark-failed", reason: `repaired: ${damage.file}: offset ${damage.offset}: ${damage.what}` });
  const first = findings.find(({ file }) => seqOfName(basename(file)) !== undefined);
  if (first !== undefined) steps.push(...cutsAt(first, segments));
  return steps.length === 0 ? [] : [{ kind: "copy", to: freeName(dir) }, ...steps];
}

/** From the end to the damage, so that a crash in between leaves no gap. */
function cutsAt(first: Finding, segments: readonly InspectedSegment[]): readonly RepairStep[] {
  // A segment that does not begin well has nothing that can be kept.
  const isWhole = first.seq === undefined || first.offset < HEAD_BYTES;
  const steps: RepairStep[] = [];
  for (const { file, bytesCount, isTrimmed } of [...segments].reverse()) {
    if (isTrimmed || file < first.file) continue;
    const { offset } = first;
    if (file > first.file || isWhole) steps.push({ kind: "remove", file });
    else steps.push({ kind: "cut", file, offset, bytesCut: bytesCount - offset });
  }
  return steps;
}

async function take(dir: string, step: RepairStep): Promise<void> {
  if (step.kind === "copy") await copyTo(dir, step.to);
  else if (step.kind === "mark-failed") {
    markFailed(dir, step.reason);
    // It tells nobody when it could not be written, and without it nothing may be cut.
    if (readFailed(dir) === undefined)
      throw new JournalError(
        "io",
        `${dir}: the mark "failed" cannot be written: nothing was cut; make room and try again`,
      );
  } else if (step.kind === "remove") await hostFileSystem.remove(step.file);
  else cut(step);
  await syncDir(hostFileSystem, dir);
}

function cut({ file, offset }: RepairStep & { readonly kind: "cut" }): void {
  const fd = openSync(file, "r+");
  try {
    ftruncateSync(fd, offset);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** All but the claim and the reserve, which holds nothing. Durable when it resolves. */
async function copyTo(dir: string, to: string): Promise<void> {
  mkdirSync(to);
  for (const name of readdirSync(dir)) {
    if (isClaim(name) || name === RESERVE_NAME) continue;
    await copyFile(join(dir, name), join(to, name));
    const fd = openSync(join(to, name), "r");
    await syncData(hostFileSystem, fd).finally(() => closeSync(fd));
  }
  await syncDir(hostFileSystem, to);
  await syncDir(hostFileSystem, dirname(to));
}

function freeName(dir: string): string {
  const { dir: parent, base } = parse(resolve(dir));
  for (let count = 1; ; count++) {
    const path = join(parent, `${base}.copy-${count}`);
    if (!existsSync(path)) return path;
  }
}
