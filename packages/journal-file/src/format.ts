import { crc32 } from "node:zlib";
import { JournalError, RECORD_BYTES_MAX } from "@halon/runtime";

/**
 * A journal is a directory of segments, each named by the seq of its first record, with marks beside them (`marks.ts`).
 * All numbers are little-endian.
 *
 *     segment:  header | records
 *     header:   magic 8 | version u32 | identity length u32 | first seq u64 | previous CRC u32 | identity | CRC u32
 *     record:   length u32 | seq u64 | head CRC u32 | CRC u32 | bytes
 *
 * A record's head CRC runs over its length and seq and *starts from* the CRC of the record before; its CRC goes on over
 * the bytes. So each one vouches for all before it, across segments too. The head has a CRC of its own because a length
 * is used before the bytes are there to be checked: a flipped bit in it would otherwise let a record in the middle reach
 * beyond the end of the file, and all that follows would pass for a torn write.
 */
const FORMAT_VERSION = 2;
const SEGMENT_SUFFIX = ".journal";
export const RECORD_HEAD_BYTES = 20;
export const IDENTITY_BYTES_MAX = 1_024;
/** What the first record of a journal follows. */
export const FIRST_CRC = 0;

const MAGICS = { segment: Buffer.from("HALONJRN", "latin1"), start: Buffer.from("HALONJST", "latin1") };
/** Of a header before the identity. */
export const HEAD_BYTES = 28;
const CRC_BYTES = 4;
const NAME_DIGITS = 16;

export const segmentName = (firstSeq: number): string =>
  `${String(firstSeq).padStart(NAME_DIGITS, "0")}${SEGMENT_SUFFIX}`;

/** First seq of the segment with this file name; undefined when it is no segment's. */
export function seqOfName(name: string): number | undefined {
  const match = /^(\d{16})\.journal$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** What begins a segment, and all there is in the mark that says where a trimmed journal starts. */
export interface Header {
  readonly identity: string;
  readonly firstSeq: number;
  /** CRC of the record before, {@link FIRST_CRC} for the first of all. */
  readonly previousCrc: number;
}

export function encodeHeader(kind: keyof typeof MAGICS, { identity, firstSeq, previousCrc }: Header): Buffer {
  const name = Buffer.from(identity, "utf8");
  const bytes = Buffer.alloc(HEAD_BYTES + name.length + CRC_BYTES);
  MAGICS[kind].copy(bytes);
  bytes.writeUInt32LE(FORMAT_VERSION, 8);
  bytes.writeUInt32LE(name.length, 12);
  bytes.writeBigUInt64LE(BigInt(firstSeq), 16);
  bytes.writeUInt32LE(previousCrc, 24);
  name.copy(bytes, HEAD_BYTES);
  const crcAt = bytes.length - CRC_BYTES;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, crcAt)), crcAt);
  return bytes;
}

/** The header at the start of `bytes`, and its length. Throws `version`, or `damaged` naming `file`. */
export function decodeHeader(
  kind: keyof typeof MAGICS,
  bytes: Buffer,
  file: string,
): Header & { readonly bytesCount: number } {
  if (bytes.length < HEAD_BYTES + CRC_BYTES || !bytes.subarray(0, 8).equals(MAGICS[kind]))
    throw new DamageError({ file, offset: 0, what: `this is not the header of a ${kind}` });
  const version = bytes.readUInt32LE(8);
  if (version !== FORMAT_VERSION)
    throw new JournalError(
      "version",
      `${file}: format version ${version}, but this program reads version ${FORMAT_VERSION}: use the program that wrote it`,
    );
  const crcAt = HEAD_BYTES + bytes.readUInt32LE(12);
  if (crcAt > HEAD_BYTES + IDENTITY_BYTES_MAX || bytes.length < crcAt + CRC_BYTES)
    throw new DamageError({ file, offset: 12, what: "the header does not end where it says" });
  if (crc32(bytes.subarray(0, crcAt)) !== bytes.readUInt32LE(crcAt))
    throw new DamageError({ file, offset: crcAt, what: "the header does not match its checksum" });
  return {
    identity: bytes.toString("utf8", HEAD_BYTES, crcAt),
    firstSeq: Number(bytes.readBigUInt64LE(16)),
    previousCrc: bytes.readUInt32LE(24),
    bytesCount: crcAt + CRC_BYTES,
  };
}

/** A copy of `record` as it stands in the file; `crcOf` reads its CRC from that. */
export function encodeRecord(seq: number, record: Uint8Array, previousCrc: number): Buffer {
  const bytes = Buffer.allocUnsafe(RECORD_HEAD_BYTES + record.length);
  bytes.writeUInt32LE(record.length, 0);
  bytes.writeUInt32LE(seq % 2 ** 32, 4);
  bytes.writeUInt32LE(Math.floor(seq / 2 ** 32), 8);
  const headCrc = crc32(bytes.subarray(0, 12), previousCrc);
  bytes.writeUInt32LE(headCrc, 12);
  bytes.writeUInt32LE(crc32(record, headCrc), 16);
  bytes.set(record, RECORD_HEAD_BYTES);
  return bytes;
}

export const crcOf = (encoded: Buffer): number => encoded.readUInt32LE(16);

/** Where a record stands: what is needed to check it and all that follow. */
export interface Place {
  readonly seq: number;
  /** Of its first byte, from the start of the segment. */
  readonly offset: number;
  /** CRC of the record before it. */
  readonly previousCrc: number;
}

export type Scanned =
  /** All is well; `next` is where the next record goes. */
  | { readonly kind: "complete"; readonly next: Place }
  /** The bytes end within the record at `next`. */
  | { readonly kind: "incomplete"; readonly next: Place };

/**
 * Checks the records in `bytes`, which begin at `start`, and shows each to `visit` until that returns false. Throws
 * `damaged` naming `file`, offset and seq.
 */
export function scanRecords(
  bytes: Buffer,
  start: Place,
  file: string,
  visit: (place: Place, content: Buffer) => boolean,
): Scanned {
  let next = start;
  for (;;) {
    const at = next.offset - start.offset;
    if (at === bytes.length) return { kind: "complete", next };
    if (bytes.length - at < RECORD_HEAD_BYTES) return { kind: "incomplete", next };
    const length = checkHead(bytes, at, next, file);
    const end = at + RECORD_HEAD_BYTES + length;
    if (end > bytes.length) return { kind: "incomplete", next };
    const content = bytes.subarray(at + RECORD_HEAD_BYTES, end);
    const crc = bytes.readUInt32LE(at + 16);
    if (crc32(content, bytes.readUInt32LE(at + 12)) !== crc)
      throw damagedRecord(file, next, "its bytes do not match its checksum");
    if (!visit(next, content)) return { kind: "complete", next };
    next = { seq: next.seq + 1, offset: start.offset + end, previousCrc: crc };
  }
}

/** The length of the record whose head is at `at`. */
function checkHead(bytes: Buffer, at: number, place: Place, file: string): number {
  if (crc32(bytes.subarray(at, at + 12), place.previousCrc) !== bytes.readUInt32LE(at + 12))
    throw damagedRecord(file, place, "its head does not match its checksum");
  const seq = bytes.readUInt32LE(at + 4) + bytes.readUInt32LE(at + 8) * 2 ** 32;
  if (seq !== place.seq) throw damagedRecord(file, place, `it says that it is record ${seq}`);
  const length = bytes.readUInt32LE(at);
  if (length > RECORD_BYTES_MAX) throw damagedRecord(file, place, `it says that it has ${length} bytes`);
  return length;
}

const damagedRecord = (file: string, { offset, seq }: Place, what: string): DamageError =>
  new DamageError({ file, offset, seq, what });

/** Where something is wrong, and what. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
  /** The record there, where one is meant. */
  readonly seq?: number;
  readonly what: string;
}

/** The error for all that is wrong with a journal but an incomplete last record. */
export class DamageError extends JournalError {
  readonly damage: Damage;

  constructor(damage: Damage, options?: ErrorOptions) {
    const { file, offset, seq, what } = damage;
    super(
      "damaged",
      `${file}: offset ${offset}: ${seq === undefined ? "" : `record ${seq}: `}${what}. What was promised in this journal ` +
        "may be lost: its owner must not vote with it again. Keep the directory for inspection and rejoin with a new " +
        "incarnation in an empty one",
      options,
    );
    this.damage = damage;
  }
}
