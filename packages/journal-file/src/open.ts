import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { AssertionError, assert, JournalError } from "@halon/runtime";
import { claim, isClaim } from "./claim.ts";
import { type FileSystem, hostFileSystem, SyncError, syncData, syncDir, UNFINISHED_SUFFIX } from "./file-system.ts";
import { DamageError, FIRST_CRC, IDENTITY_BYTES_MAX, type Place, segmentName, seqOfName } from "./format.ts";
import { FileJournal, type FileJournalParts, type Repair } from "./journal.ts";
import {
  assertOwner,
  BEGINNING,
  END_NAME,
  type End,
  EndMark,
  FAILED_NAME,
  markFailed,
  readEnd,
  readFailed,
  readStart,
  START_NAME,
} from "./marks.ts";
import { Reserve } from "./reserve.ts";
import { createSegment, loadSegment, type Segment, scanSegment } from "./segment.ts";

export interface FileJournalOptions {
  readonly dir: string;
  /**
   * Whose journal it is, for instance "cluster/member/incarnation": written into each segment, another's is refused as
   * `foreign`. At most {@link IDENTITY_BYTES_MAX} bytes.
   */
  readonly identity: string;
  /** `create` needs an absent or empty directory, `existing` a journal: so a wiped directory does not go unnoticed. */
  readonly mode: "create" | "existing";
  /** A segment that would grow beyond this is followed by a new one. */
  readonly segmentBytesMax?: number;
  /** What may be appended and not yet durable; beyond it the journal fails with `io`: the disk is too slow. */
  readonly unflushedBytesMax?: number;
  /** Size of the file that is given up when the disk is full; 0: none. */
  readonly reserveBytes?: number;
  readonly fileSystem?: FileSystem;
}

const SEGMENT_BYTES_MAX_DEFAULT = 16 * 1024 * 1024;
const UNFLUSHED_BYTES_MAX_DEFAULT = 128 * 1024 * 1024;
const RESERVE_BYTES_DEFAULT = 16 * 1024 * 1024;

/**
 * Opens the journal in `dir` for this process alone and verifies every byte of it. All it finds is durable when it
 * resolves. Rejects with a {@link JournalError}: `missing`, `not-empty`, `foreign`, `version`, `in-use`, `damaged`, `io`.
 */
export async function openJournalFile(options: FileJournalOptions): Promise<FileJournal> {
  const { dir, identity, fileSystem = hostFileSystem } = options;
  const identityBytes = Buffer.byteLength(identity);
  assert(identityBytes > 0 && identityBytes <= IDENTITY_BYTES_MAX, `identity of ${identityBytes} bytes`);
  let release = (): void => undefined;
  try {
    prepare(options);
    release = claim(dir);
    const opened = options.mode === "create" ? await create(options, fileSystem) : await verify(options, fileSystem);
    const reserve = new Reserve(fileSystem, dir, options.reserveBytes ?? RESERVE_BYTES_DEFAULT);
    await reserve.restore();
    return new FileJournal({
      ...opened,
      dir,
      identity,
      fileSystem,
      reserve,
      segmentBytesMax: options.segmentBytesMax ?? SEGMENT_BYTES_MAX_DEFAULT,
      unflushedBytesMax: options.unflushedBytesMax ?? UNFLUSHED_BYTES_MAX_DEFAULT,
      release,
    });
  } catch (error) {
    release();
    if (error instanceof SyncError) markFailed(dir, error.message);
    if (error instanceof JournalError || !(error instanceof Error) || error instanceof AssertionError) throw error;
    throw new JournalError("io", `${dir}: the journal cannot be opened: ${error.message}`, { cause: error });
  }
}

/** Looks, before anything is touched, whether the directory is as the mode wants it. */
function prepare({ dir, identity, mode }: FileJournalOptions): void {
  const names = statSync(dir, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(dir);
  const found = names.filter((name) => !isClaim(name) && !name.endsWith(UNFINISHED_SUFFIX));
  // The segment comes last: what a creation leaves that was cut short is a mark that says nothing was ever in it.
  if (found.length === 1 && found[0] === END_NAME && isBeginning(dir, identity)) found.pop();
  if (mode === "create") {
    if (found.length > 0)
      throw new JournalError(
        "not-empty",
        `${dir} holds ${found[0]}, but a new journal of ${identity} is to be created there: choose an empty directory, or open what is there`,
      );
    mkdirSync(dir, { recursive: true });
  } else if (found.length === 0) {
    throw new JournalError(
      "missing",
      `${dir} is ${names.length === 0 ? "absent or empty" : "without a journal"}, but the journal of ${identity} is expected there: ` +
        "it was wiped, moved, or never created. Put it back, or rejoin with a new incarnation",
    );
  }
}

function isBeginning(dir: string, identity: string): boolean {
  try {
    return readEnd(dir, identity).seq === 0;
  } catch {
    return false;
  }
}

type Opened = Pick<FileJournalParts, "segments" | "fd" | "endMark" | "repairs">;

async function create({ dir, identity }: FileJournalOptions, fs: FileSystem): Promise<Opened> {
  const endMark = await EndMark.create(fs, dir, identity);
  const header = { identity, firstSeq: 1, previousCrc: FIRST_CRC };
  const { segment, fd } = await createSegment(fs, join(dir, segmentName(1)), header);
  await syncDir(fs, dirname(dir));
  return { segments: [segment], fd, endMark, repairs: [] };
}

async function verify({ dir, identity }: FileJournalOptions, fs: FileSystem): Promise<Opened> {
  const names = readdirSync(dir);
  const failed = readFailed(dir);
  if (failed !== undefined)
    throw new DamageError({
      file: join(dir, FAILED_NAME),
      offset: 0,
      what: `it says that this journal must not be used (${failed})`,
    });
  const start = readStart(dir);
  if (start !== undefined) assertOwner(join(dir, START_NAME), start.identity, identity);
  const { firstSeq, previousCrc } = start ?? BEGINNING;
  const seqs = names.map(seqOfName).filter((seq) => seq !== undefined);
  const { segments, repair } = verifySegments(
    dir,
    identity,
    seqs.filter((seq) => seq >= firstSeq),
    { seq: firstSeq, offset: 0, previousCrc },
  );
  // Last, as of another's journal there would be no slot that is valid, and it is to be told apart from a damaged one.
  const end = readEnd(dir, identity);
  assertReaches(dir, segments, end);
  // From here on it is known to be whole: what a crash has left over may go.
  for (const name of names)
    if (name.endsWith(UNFINISHED_SUFFIX) || (seqOfName(name) ?? firstSeq) < firstSeq) rmSync(join(dir, name));
  const last = segments.at(-1) as Segment;
  const fd = await settleTail(fs, dir, last, repair);
  const endMark = EndMark.open(fs, dir, identity, end.slot);
  await endMark.write({ seq: last.end.seq - 1, crc: last.end.previousCrc });
  await endMark.sync();
  return { segments, fd, endMark, repairs: repair ? [repair] : [] };
}

function verifySegments(
  dir: string,
  identity: string,
  seqs: readonly number[],
  start: Place,
): { readonly segments: Segment[]; readonly repair: Repair | undefined } {
  const segments: Segment[] = [];
  let repair: Repair | undefined;
  let next = start;
  for (const seq of seqs.length === 0 ? [start.seq] : [...seqs].sort((a, b) => a - b)) {
    if (seq !== next.seq) throw missing(dir, next.seq, seq);
    if (repair !== undefined)
      throw new DamageError({ ...repair, what: "it is incomplete, but another segment follows" });
    const verified = verifySegment(join(dir, segmentName(seq)), identity, next);
    repair = verified.repair;
    next = verified.segment.end;
    segments.push(verified.segment);
  }
  return { segments, repair };
}

function missing(dir: string, expectedSeq: number, foundSeq: number): DamageError {
  const isMissing = foundSeq > expectedSeq;
  return new DamageError({
    file: join(dir, segmentName(isMissing ? expectedSeq : foundSeq)),
    offset: 0,
    what: isMissing
      ? `the segment with records ${expectedSeq} to ${foundSeq - 1} is missing`
      : `it is one too many: record ${foundSeq} is in the segment before`,
  });
}

function verifySegment(
  file: string,
  identity: string,
  expected: Place,
): { readonly segment: Segment; readonly repair: Repair | undefined } {
  const loaded = loadSegment(file, expected.seq);
  const { header, bytes } = loaded;
  assertOwner(file, header.identity, identity);
  if (header.firstSeq !== expected.seq || header.previousCrc !== expected.previousCrc)
    throw new DamageError({
      file,
      offset: 16,
      what: `it does not continue what is before it (first record ${header.firstSeq}, expected ${expected.seq})`,
    });
  const { segment, isIncomplete } = scanSegment(file, loaded, () => undefined);
  if (!isIncomplete) return { segment, repair: undefined };
  const { offset, seq } = segment.end;
  return { segment, repair: { file, offset, seq, bytesCut: bytes.length - offset } };
}

/** All records that were durable are there: what was cut off at the end else passes for a write that was cut short. */
export function assertReaches(dir: string, segments: readonly Segment[], { seq, crc }: End): void {
  const { end } = segments.at(-1) as Segment;
  const file = join(dir, END_NAME);
  if (seq >= end.seq)
    throw new DamageError({ file, offset: 0, seq, what: `it was durable, but the last one is ${end.seq - 1}` });
  const found = crcAt(segments, seq);
  if (found !== undefined && found !== crc)
    throw new DamageError({ file, offset: 0, seq, what: "another one was durable in its place" });
}

/** CRC of record `seq`; undefined when it was trimmed. */
function crcAt(segments: readonly Segment[], seq: number): number | undefined {
  const segment = segments.findLast(({ firstSeq }) => firstSeq <= seq + 1);
  return segment?.crcBefore(seq + 1);
}

/**
 * Cuts off an incomplete last record, and makes durable what a process that was killed had written but not synced: it
 * was read here, so it counts from now on.
 */
async function settleTail(fs: FileSystem, dir: string, last: Segment, repair: Repair | undefined): Promise<number> {
  const fd = openSync(last.path, "r+");
  try {
    if (repair !== undefined) ftruncateSync(fd, repair.offset);
    await syncData(fs, fd);
    await syncDir(fs, dir);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
