import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { JournalError, type JournalRecord } from "@halon/runtime";
import { claim } from "./claim.ts";
import { type Damage, DamageError, type Header, segmentName, seqOfName } from "./format.ts";
import {
  BEGINNING,
  END_NAME,
  type End,
  FAILED_NAME,
  readEnd,
  readFailed,
  readStart,
  START_NAME,
  type Start,
} from "./marks.ts";
import { assertReaches } from "./open.ts";
import { RESERVE_NAME } from "./reserve.ts";
import { loadSegment, type Segment, scanSegment } from "./segment.ts";

/** Something that is wrong with a journal. */
export interface Finding extends Damage {
  /**
   * `torn`: the last record is incomplete and was never reported as durable; opening cuts it off. `damaged`: the journal
   * must not be used again by whom it belongs to. `version`: another program's, neither read nor repaired here.
   */
  readonly severity: "torn" | "damaged" | "version";
}

export interface InspectedSegment {
  readonly file: string;
  readonly firstSeq: number;
  /** The last record that is whole and follows from those before it; `firstSeq - 1` when there is none. */
  readonly lastSeq: number;
  readonly bytesCount: number;
  /** It was trimmed, and the next opening removes it. */
  readonly isTrimmed: boolean;
}

/** What is in a directory, of a journal that no process has open. */
export interface JournalInspection {
  readonly dir: string;
  /** Whose it is; undefined when nothing readable says it. */
  readonly identity: string | undefined;
  /** The oldest record that must be there: 1 until something was trimmed; undefined when the mark is damaged. */
  readonly startSeq: number | undefined;
  /** A record that was reported as durable, the newest that is known; undefined when the mark is missing or damaged. */
  readonly durableSeq: number | undefined;
  /** Why it must not be used; undefined when nothing says so. */
  readonly failed: string | undefined;
  /** In order. */
  readonly segments: readonly InspectedSegment[];
  /** Bytes of all segments. */
  readonly bytesCount: number;
  /** Bytes of the reserve, 0 when it is not there. */
  readonly reserveBytes: number;
  readonly findings: readonly Finding[];
}

export interface InspectOptions {
  /** Called with each record that is whole, in order of the segments: also with those after a damage. */
  readonly visit?: (record: JournalRecord) => void;
}

/**
 * Reads every byte of a journal that no process has open, and changes nothing. Damage is a finding and no error. Rejects with
 * a {@link JournalError}: `missing`, `in-use`, `io`.
 */
export async function inspectJournal(dir: string, options: InspectOptions = {}): Promise<JournalInspection> {
  return withClaim(dir, async () => inspectUnclaimed(dir, options));
}

/** {@link inspectJournal} for one who has claimed the directory already. */
export const inspectUnclaimed = (dir: string, { visit = () => undefined }: InspectOptions = {}): JournalInspection =>
  new Inspector(dir, visit).inspect();

export interface JournalVerification {
  /** Records that are whole. */
  readonly recordsCount: number;
  /** Bytes that were read. */
  readonly bytesCount: number;
  /** Nothing is wrong: it opens with all its records. */
  readonly isIntact: boolean;
  readonly findings: readonly Finding[];
}

/** Reads every byte, as {@link inspectJournal}. */
export async function verifyJournal(dir: string): Promise<JournalVerification> {
  let recordsCount = 0;
  const { bytesCount, findings } = await inspectJournal(dir, { visit: () => void recordsCount++ });
  return { recordsCount, bytesCount, isIntact: findings.length === 0, findings };
}

/** Runs `action` with the directory claimed; what it throws becomes a JournalError. */
export async function withClaim<Result>(dir: string, action: () => Promise<Result>): Promise<Result> {
  try {
    const isThere = statSync(dir, { throwIfNoEntry: false })?.isDirectory() ?? false;
    const marks = [START_NAME, END_NAME, FAILED_NAME];
    if (!isThere || !readdirSync(dir).some((name) => seqOfName(name) !== undefined || marks.includes(name)))
      throw new JournalError("missing", `there is no journal in ${dir}: name the directory that holds its segments`);
    const release = claim(dir);
    try {
      return await action();
    } finally {
      release();
    }
  } catch (error) {
    if (error instanceof JournalError || !(error instanceof Error && "code" in error)) throw error;
    throw new JournalError("io", `${dir}: ${error.message}`, { cause: error });
  }
}

/** Goes through a directory, and on after each damage, where opening stops at the first. */
class Inspector {
  readonly #dir: string;
  readonly #visit: (record: JournalRecord) => void;
  readonly #findings: Finding[] = [];
  readonly #inspected: InspectedSegment[] = [];
  /** Those that are whole. */
  readonly #whole: Segment[] = [];
  #identity: string | undefined;
  /** Where the next segment must begin; undefined after a damage, when any place will do. */
  #next: Start | undefined;
  /** An incomplete record at the end of the newest segment so far. */
  #torn: Damage | undefined;

  constructor(dir: string, visit: (record: JournalRecord) => void) {
    this.#dir = dir;
    this.#visit = visit;
  }

  inspect(): JournalInspection {
    const dir = this.#dir;
    const failed = readFailed(dir);
    if (failed !== undefined) this.#find({ file: join(dir, FAILED_NAME), offset: 0, what: `it says: ${failed}` });
    const start = this.#start();
    const seqs = readdirSync(dir).map(seqOfName);
    for (const seq of seqs.filter((each) => each !== undefined).sort((a, b) => a - b))
      if (start !== undefined && seq < start.firstSeq) this.#trimmed(seq);
      else this.#segment(seq);
    if (start !== undefined && !this.#inspected.some(({ isTrimmed }) => !isTrimmed)) this.#gap(start.firstSeq);
    const end = this.#end();
    return {
      dir,
      identity: this.#identity,
      startSeq: start?.firstSeq,
      durableSeq: end?.seq,
      failed,
      segments: this.#inspected,
      bytesCount: this.#inspected.reduce((sum, { bytesCount }) => sum + bytesCount, 0),
      reserveBytes: sizeOf(join(dir, RESERVE_NAME)),
      findings: this.#findings,
    };
  }

  #find(damage: Damage, severity: Finding["severity"] = "damaged"): void {
    this.#findings.push({ ...damage, severity });
  }

  #gap(seq: number, foundSeq?: number): void {
    const what = `the segment that begins with it is missing${foundSeq === undefined ? "" : `; the next one begins with ${foundSeq}`}`;
    this.#find({ file: join(this.#dir, segmentName(seq)), offset: 0, seq, what });
  }

  /** Runs `look`, whose refusal becomes a finding. */
  #attempt<Result>(file: string, look: () => Result): Result | undefined {
    try {
      return look();
    } catch (error) {
      if (error instanceof DamageError) this.#find(error.damage);
      else if (error instanceof JournalError) this.#find({ file, offset: 8, what: error.message }, "version");
      else throw error;
      return undefined;
    }
  }

  #start(): Start | undefined {
    const mark = this.#attempt(join(this.#dir, START_NAME), () => ({ found: readStart(this.#dir) }));
    if (mark === undefined) return undefined;
    this.#identity = mark.found?.identity;
    this.#next = mark.found ?? BEGINNING;
    return this.#next;
  }

  #trimmed(firstSeq: number): void {
    const file = join(this.#dir, segmentName(firstSeq));
    this.#inspected.push({ file, firstSeq, lastSeq: firstSeq - 1, bytesCount: sizeOf(file), isTrimmed: true });
  }

  #segment(seq: number): void {
    const file = join(this.#dir, segmentName(seq));
    let lastSeq = seq - 1;
    const loaded = this.#attempt(file, () => loadSegment(file, seq));
    if (loaded !== undefined) this.#follow(file, seq, loaded.header);
    const scanned =
      loaded &&
      this.#attempt(file, () =>
        scanSegment(file, loaded, (place, content) => {
          lastSeq = place.seq;
          this.#visit({ seq: lastSeq, bytes: Uint8Array.from(content) });
        }),
      );
    this.#next = undefined;
    if (scanned !== undefined) {
      const { end } = scanned.segment;
      this.#whole.push(scanned.segment);
      this.#next = { firstSeq: end.seq, previousCrc: end.previousCrc };
      if (scanned.isIncomplete)
        this.#torn = { file, offset: end.offset, seq: end.seq, what: "the record is incomplete" };
    }
    this.#inspected.push({ file, firstSeq: seq, lastSeq, bytesCount: sizeOf(file), isTrimmed: false });
  }

  /** Whether a segment with this header goes on where the one before ended. */
  #follow(file: string, seq: number, header: Header): void {
    if (this.#torn !== undefined) this.#find({ ...this.#torn, what: "it is incomplete, but another segment follows" });
    this.#torn = undefined;
    this.#identity ??= header.identity;
    if (header.identity !== this.#identity)
      this.#find({ file, offset: 28, what: `it belongs to ${header.identity}, not to ${this.#identity}` });
    const expected = this.#next;
    if (expected !== undefined && seq > expected.firstSeq) this.#gap(expected.firstSeq, seq);
    else if (header.firstSeq !== seq || (expected !== undefined && !isSame(header, expected)))
      this.#find({ file, offset: 16, seq, what: "it does not continue what is before it" });
  }

  #end(): End | undefined {
    const identity = this.#identity;
    const file = join(this.#dir, END_NAME);
    const end = identity === undefined ? undefined : this.#attempt(file, () => readEnd(this.#dir, identity));
    const last = this.#inspected.at(-1);
    if (this.#torn !== undefined) this.#find(this.#torn, (end?.seq ?? 0) < (this.#torn.seq ?? 0) ? "torn" : "damaged");
    else if (end !== undefined && this.#next !== undefined && last?.isTrimmed === false)
      this.#attempt(file, () => assertReaches(this.#dir, this.#whole, end));
    return end;
  }
}

const isSame = (header: Header, expected: Start): boolean =>
  header.firstSeq === expected.firstSeq && header.previousCrc === expected.previousCrc;

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
