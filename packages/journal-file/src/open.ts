import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { AssertionError, assert, JournalError } from "@halon/runtime";
import { claim, isClaim } from "./claim.ts";
import { type FileSystem, hostFileSystem, SyncError, syncData, syncDir } from "./file-system.ts";
import {
  damaged,
  decodeSegmentHeader,
  FIRST_CRC,
  IDENTITY_BYTES_MAX,
  type Place,
  scanRecords,
  segmentName,
  seqOfName,
} from "./format.ts";
import { FileJournal, type Repair } from "./journal.ts";
import { createSegment, Segment, UNFINISHED_SUFFIX } from "./segment.ts";

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
  readonly fileSystem?: FileSystem;
}

const SEGMENT_BYTES_MAX_DEFAULT = 64 * 1024 * 1024;
const UNFLUSHED_BYTES_MAX_DEFAULT = 128 * 1024 * 1024;
/** Present after a failed sync; holds the reason. */
const FAILED_NAME = "failed";

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
    return new FileJournal({
      ...opened,
      dir,
      identity,
      fileSystem,
      segmentBytesMax: options.segmentBytesMax ?? SEGMENT_BYTES_MAX_DEFAULT,
      unflushedBytesMax: options.unflushedBytesMax ?? UNFLUSHED_BYTES_MAX_DEFAULT,
      markFailed: (reason) => markFailed(dir, reason),
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
  // A crash while creating leaves these.
  const found = names.filter((name) => !isClaim(name) && !name.endsWith(UNFINISHED_SUFFIX));
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

interface Opened {
  readonly segments: Segment[];
  /** Of the last segment, open for writing. */
  readonly fd: number;
  readonly repairs: readonly Repair[];
}

async function create({ dir, identity }: FileJournalOptions, fs: FileSystem): Promise<Opened> {
  const { segment, fd } = await createSegment(fs, join(dir, segmentName(1)), {
    identity,
    firstSeq: 1,
    previousCrc: FIRST_CRC,
  });
  await syncDir(fs, dirname(dir));
  return { segments: [segment], fd, repairs: [] };
}

async function verify({ dir, identity }: FileJournalOptions, fs: FileSystem): Promise<Opened> {
  const names = readdirSync(dir);
  if (names.includes(FAILED_NAME))
    throw damaged(`${dir}: an earlier sync failed (${readFileSync(join(dir, FAILED_NAME), "utf8").trim()})`);
  for (const name of names) if (name.endsWith(UNFINISHED_SUFFIX)) rmSync(join(dir, name));
  const seqs = names.map(seqOfName).filter((seq) => seq !== undefined);
  seqs.sort((a, b) => a - b);
  const segments: Segment[] = [];
  let repair: Repair | undefined;
  let next: Place = { seq: 1, offset: 0, previousCrc: FIRST_CRC };
  for (const seq of seqs.length === 0 ? [1] : seqs) {
    if (seq !== next.seq) throw missing(dir, next.seq, seq);
    if (repair !== undefined)
      throw damaged(
        `${repair.file}: offset ${repair.offset}: record ${repair.seq}: incomplete, but another segment follows`,
      );
    const verified = verifySegment(join(dir, segmentName(seq)), identity, next);
    repair = verified.repair;
    next = verified.segment.end;
    segments.push(verified.segment);
  }
  return {
    segments,
    fd: await settleTail(fs, dir, segments.at(-1) as Segment, repair),
    repairs: repair ? [repair] : [],
  };
}

const missing = (dir: string, expectedSeq: number, foundSeq: number): JournalError =>
  foundSeq > expectedSeq
    ? damaged(`${dir}: ${segmentName(expectedSeq)} with records ${expectedSeq} to ${foundSeq - 1} is missing`)
    : damaged(`${dir}: ${segmentName(foundSeq)} is one too many: record ${foundSeq} is in the segment before`);

function verifySegment(
  file: string,
  identity: string,
  expected: Place,
): { readonly segment: Segment; readonly repair: Repair | undefined } {
  const bytes = readSegment(file, expected.seq);
  const header = decodeSegmentHeader(bytes, file);
  if (header.identity !== identity)
    throw new JournalError(
      "foreign",
      `${file} belongs to ${header.identity}, not to ${identity}: check the data directory; to move a member, adopt its directory explicitly`,
    );
  if (header.firstSeq !== expected.seq || header.previousCrc !== expected.previousCrc)
    throw damaged(
      `${file}: offset 16: it does not continue the segment before (first record ${header.firstSeq}, expected ${expected.seq})`,
    );
  const start = { ...expected, offset: header.bytesCount };
  const segment = new Segment(file, start);
  let before: Place | undefined;
  const scanned = scanRecords(bytes.subarray(header.bytesCount), start, file, (place) => {
    if (before !== undefined) segment.grow(place);
    before = place;
    return true;
  });
  if (before !== undefined) segment.grow(scanned.next);
  if (scanned.kind === "complete") return { segment, repair: undefined };
  const { offset, seq } = scanned.next;
  return { segment, repair: { file, offset, seq, bytesCut: bytes.length - offset } };
}

function readSegment(file: string, firstSeq: number): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw damaged(`${file}: the segment with record ${firstSeq} is missing`);
  }
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

/** As well as it can be done on a disk that fails: without the mark the next opening would trust the page cache. */
function markFailed(dir: string, reason: string): void {
  try {
    writeFileSync(join(dir, FAILED_NAME), `${reason}\n`, { flush: true });
  } catch {
    // The failure itself is reported already.
  }
}
