import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { JournalError } from "@halon/runtime";
import { type FileSystem, replaceFile, syncData, writeAll } from "./file-system.ts";
import { DamageError, decodeHeader, encodeHeader, FIRST_CRC } from "./format.ts";

/**
 * Files beside the segments that say which records must be there, so that what was trimmed is told apart from what was lost.
 *
 *     start    a header as a segment's: the oldest segment that must be there. Absent until something was trimmed.
 *     end      two slots, at 0 and 512: seq u64 | its CRC u32 | CRC u32 that starts from the identity's. The newest valid one holds.
 *     failed   why this journal must never be used again. Absent as long as it may.
 *
 * `start` is replaced as a whole and durable before a segment goes. `end` is written over in place after each sync and not
 * synced itself: it survives the death of the process, and lags some seconds behind after power loss, never ahead.
 */
export const START_NAME = "start";
export const END_NAME = "end";
export const FAILED_NAME = "failed";

const SLOT_BYTES = 16;
/** Two sectors: a write that tears one leaves the other. */
const SLOT_STRIDE_BYTES = 512;

/** The first record that must be there, and the CRC of the one before it. */
export interface Start {
  readonly firstSeq: number;
  readonly previousCrc: number;
}

/** The start of a journal that was never trimmed. */
export const BEGINNING: Start = { firstSeq: 1, previousCrc: FIRST_CRC };

/** A record that was durable, and its CRC; seq 0 before the first. */
export interface End {
  readonly seq: number;
  readonly crc: number;
}

/** Whom a file belongs to. Throws `foreign` naming both. */
export function assertOwner(file: string, found: string, identity: string): void {
  if (found !== identity)
    throw new JournalError(
      "foreign",
      `${file} belongs to ${found}, not to ${identity}: check the data directory; to move a member, adopt its directory explicitly`,
    );
}

/** What the mark says; undefined when there is none. Throws `damaged` or `version`. */
export function readStart(dir: string): (Start & { readonly identity: string }) | undefined {
  const file = join(dir, START_NAME);
  const bytes = readIfThere(file);
  if (bytes === undefined) return undefined;
  const { bytesCount, ...start } = decodeHeader("start", bytes, file);
  if (bytesCount === bytes.length) return start;
  throw new DamageError({ file, offset: bytesCount, what: "the mark goes on where it should end" });
}

/** Durable when it resolves. */
export async function writeStart(fs: FileSystem, dir: string, identity: string, start: Start): Promise<void> {
  closeSync(await replaceFile(fs, join(dir, START_NAME), encodeHeader("start", { identity, ...start })));
}

/** Throws `damaged` when it is absent, or neither slot is valid: it was durable before there was a first record. */
export function readEnd(dir: string, identity: string): End & { readonly slot: 0 | 1 } {
  const file = join(dir, END_NAME);
  const bytes = readIfThere(file);
  if (bytes === undefined) throw new DamageError({ file, offset: 0, what: "the mark is missing" });
  const [first, second] = ([0, 1] as const).map((slot) => readSlot(bytes, slot, identity));
  const newest = second !== undefined && (first === undefined || second.seq > first.seq) ? second : first;
  if (newest !== undefined) return newest;
  throw new DamageError({ file, offset: 0, what: "neither slot matches its checksum" });
}

function readSlot(bytes: Buffer, slot: 0 | 1, identity: string): (End & { readonly slot: 0 | 1 }) | undefined {
  const at = slot * SLOT_STRIDE_BYTES;
  if (bytes.length < at + SLOT_BYTES) return undefined;
  const crc = crc32(bytes.subarray(at, at + 12), crc32(identity));
  if (crc !== bytes.readUInt32LE(at + 12)) return undefined;
  return { seq: Number(bytes.readBigUInt64LE(at)), crc: bytes.readUInt32LE(at + 8), slot };
}

function encodeSlot({ seq, crc }: End, identityCrc: number): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES);
  bytes.writeBigUInt64LE(BigInt(seq), 0);
  bytes.writeUInt32LE(crc, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12), identityCrc), 12);
  return bytes;
}

/** The mark of an open journal that says how far it was durable. */
export class EndMark {
  readonly #fs: FileSystem;
  readonly #fd: number;
  readonly #identityCrc: number;
  /** Where the newest mark is; the other one is written next. */
  #slot: 0 | 1;

  private constructor(fs: FileSystem, fd: number, identity: string, slot: 0 | 1) {
    this.#fs = fs;
    this.#fd = fd;
    this.#identityCrc = crc32(identity);
    this.#slot = slot;
  }

  /** Of a new journal; durable when it resolves. */
  static async create(fs: FileSystem, dir: string, identity: string): Promise<EndMark> {
    const slot = encodeSlot({ seq: 0, crc: FIRST_CRC }, crc32(identity));
    const bytes = Buffer.concat([slot, Buffer.alloc(SLOT_STRIDE_BYTES - SLOT_BYTES), slot]);
    return new EndMark(fs, await replaceFile(fs, join(dir, END_NAME), bytes), identity, 0);
  }

  /** Of a journal that was verified: `slot` is the newest one in it. */
  static open(fs: FileSystem, dir: string, identity: string, slot: 0 | 1): EndMark {
    return new EndMark(fs, openSync(join(dir, END_NAME), "r+"), identity, slot);
  }

  async write(end: End): Promise<void> {
    this.#slot = this.#slot === 0 ? 1 : 0;
    await writeAll(this.#fs, this.#fd, encodeSlot(end, this.#identityCrc), this.#slot * SLOT_STRIDE_BYTES);
  }

  async sync(): Promise<void> {
    await syncData(this.#fs, this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Why the journal must not be used; undefined when nothing says so. */
export const readFailed = (dir: string): string | undefined =>
  readIfThere(join(dir, FAILED_NAME))?.toString("utf8").trim();

/** As well as it can be done on a disk that fails: without the mark the next opening would trust the page cache. */
export function markFailed(dir: string, reason: string): void {
  try {
    writeFileSync(join(dir, FAILED_NAME), `${reason}\n`, { flush: true });
  } catch {
    // The failure itself is reported already.
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
}
