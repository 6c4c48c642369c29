import type { Journal, JournalRecord } from "../journal.ts";
import type { Until } from "./suite.ts";

/** Where one journal lives, over openings and crashes. */
export interface JournalPlace {
  /** `create` needs an empty place, `existing` a journal. Rejects with a JournalError. */
  open(mode: "create" | "existing"): Promise<Journal>;
  /**
   * The machine dies: what was not durable is lost, or a part of it from the front survives, as the harness chooses.
   * The open journal is never heard of again. Left out where it cannot be done.
   */
  crash?(): Promise<void>;
}

export interface JournalHarness {
  /** A new, empty place, removed by the harness after the test. */
  fresh(): Promise<JournalPlace>;
  readonly until: Until;
}

export const text = (record: JournalRecord): string => `${record.seq}:${Buffer.from(record.bytes).toString("latin1")}`;
export const bytesOf = (content: string): Uint8Array => Buffer.from(content, "latin1");

/** All records, read in small pieces. */
export function readAll(journal: Journal, fromSeq = journal.firstSeq, bytesMax = 64): JournalRecord[] {
  const records: JournalRecord[] = [];
  for (let next = fromSeq; next <= journal.writtenSeq; ) {
    const piece = journal.read(next, bytesMax);
    if (piece.length === 0) throw new Error(`read(${next}) is empty, but ${journal.writtenSeq} is written`);
    records.push(...piece);
    next += piece.length;
  }
  return records;
}
