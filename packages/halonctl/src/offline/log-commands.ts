import { basename } from "node:path";
import {
  type Finding,
  inspectJournal,
  type JournalRepair,
  type RepairStep,
  repairJournal,
  verifyJournal,
} from "@halon/journal-file";
import { table } from "../table.ts";
import { harmless, type Paint } from "../terminal.ts";
import { counted, facts, type OfflineTask, show, span } from "./output.ts";
import { journalDirOf } from "./station-directory.ts";

/** `log inspect`: what is there. */
export async function inspectLog(task: OfflineTask, dir: string): Promise<void> {
  const inspection = await inspectJournal(journalDirOf(dir));
  const { paint } = task;
  show(task, inspection, () => {
    const { identity, startSeq, durableSeq, failed, segments, bytesCount, reserveBytes, findings } = inspection;
    const last = segments.at(-1)?.lastSeq ?? 0;
    const head = facts(paint, [
      ["journal", harmless(inspection.dir)],
      ["belongs to", identity === undefined ? "nothing readable says it" : harmless(identity)],
      ["records", startSeq === undefined ? "unknown" : span(startSeq, last)],
      ["bytes", `${bytesCount} in ${counted(segments.length, "segment")}, reserve ${reserveBytes}`],
      ["known durable", durableSeq === undefined ? "unknown" : `up to ${durableSeq}`],
      ["vote", voteOf(paint, failed, findings)],
    ]);
    const rows = segments.map(({ file, firstSeq, lastSeq, bytesCount: bytes, isTrimmed }) => [
      basename(file),
      isTrimmed ? "trimmed" : span(firstSeq, lastSeq),
      String(bytes),
    ]);
    return `${head}\n${table(paint, ["SEGMENT", "RECORDS", "BYTES"], rows)}${findingsTable(paint, findings)}`;
  });
}

/** `log verify`: whether anything is wrong. Resolves with whether nothing is. */
export async function verifyLog(task: OfflineTask, dir: string): Promise<boolean> {
  const journalDir = journalDirOf(dir);
  const verification = await verifyJournal(journalDir);
  show(task, verification, () => {
    const { recordsCount, bytesCount, isIntact, findings } = verification;
    const read = `${counted(recordsCount, "record")}, ${bytesCount} bytes`;
    if (isIntact) return `Intact: ${read}.\n`;
    return `${read}.${findingsTable(task.paint, findings)}\n${voteAfter(findings)}What can be done: halonctl log repair --dir ${dir}\n`;
  });
  return verification.isIntact;
}

/** `log repair`: what would be done, or with `yes` what was. Resolves with whether nothing is left to be done. */
export async function repairLog(task: OfflineTask, dir: string, yes: boolean): Promise<boolean> {
  const repair = await repairJournal(journalDirOf(dir), { yes });
  show(task, repair, () => renderRepair(task.paint, repair));
  return repair.isDone || repair.steps.length === 0;
}

function renderRepair(paint: Paint, { findings, steps, isDone }: JournalRepair): string {
  if (steps.length === 0 && findings.length === 0) return "Nothing is wrong, nothing was changed.\n";
  const found = findingsTable(paint, findings).slice(1);
  if (steps.length === 0)
    return `${found}\n${voteAfter(findings)}Nothing is left to be repaired, nothing was changed.\n`;
  const done = steps.map((step, at) => `  ${at + 1}. ${stepText(step)}\n`).join("");
  const head = isDone ? "Done:\n" : "With --yes, in this order:\n";
  return `${found}\n${head}${done}${voteAfter(findings)}${isDone ? "" : "Nothing was changed.\n"}`;
}

function stepText(step: RepairStep): string {
  switch (step.kind) {
    case "copy":
      return `copy all of it to ${harmless(step.to)}`;
    case "mark-failed":
      return `mark it as failed: no station opens it again (${harmless(step.reason)})`;
    case "remove":
      return `remove ${harmless(step.file)}`;
    case "cut":
      return `cut ${counted(step.bytesCut, "byte")} off ${harmless(step.file)}, at offset ${step.offset}`;
    default:
      return step satisfies never;
  }
}

function voteOf(paint: Paint, failed: string | undefined, findings: readonly Finding[]): string {
  if (failed !== undefined) return paint("red", `void for good: ${harmless(failed)}`);
  if (findings.some(({ severity }) => severity === "damaged")) return paint("red", "void: the journal is damaged");
  if (findings.some(({ severity }) => severity === "version")) return paint("yellow", "as another version says");
  return paint("green", "good");
}

/** What the findings mean for the station, plainly. */
function voteAfter(findings: readonly Finding[]): string {
  if (findings.some(({ severity }) => severity === "version"))
    return "Another version of Halon wrote this: use its halonctl. Nothing is lost.\n";
  if (findings.every(({ severity }) => severity === "torn"))
    return (
      "The vote of this station is not touched: the incomplete record was never acknowledged to anybody, and the station " +
      "cuts it off by itself at its next start.\n"
    );
  return (
    "The vote of this station is VOID, repaired or not: promises that it has made may be lost, and no repair brings them back. " +
    "Its next start with this directory joins as a new member, while the others go on. A repair only makes readable what is left " +
    "(halonctl station query); without a majority of the others: halonctl station recover.\n"
  );
}

function findingsTable(paint: Paint, findings: readonly Finding[]): string {
  const rows = findings.map(({ severity, file, offset, seq, what }) => [
    paint(severity === "torn" ? "yellow" : "red", severity),
    basename(file),
    String(offset),
    seq === undefined ? "-" : String(seq),
    harmless(what),
  ]);
  return rows.length === 0 ? "" : `\n${table(paint, ["FINDING", "FILE", "OFFSET", "RECORD", "WHAT"], rows)}`;
}
