import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { assert, type JournalRecord } from "@halon/runtime";
import { type FileSystem, replaceFile } from "./file-system.ts";
import { DamageError, decodeHeader, encodeHeader, type Header, type Place, scanRecords } from "./format.ts";

/** One place of the index per so many bytes: memory for reading is bounded, and a reader checks little that it skips. */
const INDEX_STRIDE_BYTES = 64 * 1024;

/** One file of the journal and what is known of it. It grows by whole, durable records. */
export class Segment {
  readonly path: string;
  readonly firstSeq: number;
  /** CRC of the record before the first. */
  readonly previousCrc: number;
  readonly #headerBytes: number;
  /** Invariant: ascending, at least {@link INDEX_STRIDE_BYTES} apart; the first is the first record. */
  readonly #index: Place[] = [];
  /** Where the next record goes. */
  #end: Place;

  constructor(path: string, firstRecord: Place) {
    this.path = path;
    this.firstSeq = firstRecord.seq;
    this.previousCrc = firstRecord.previousCrc;
    this.#headerBytes = firstRecord.offset;
    this.#end = firstRecord;
  }

  get end(): Place {
    return this.#end;
  }

  get isEmpty(): boolean {
    return this.#end.offset === this.#headerBytes;
  }

  /** Takes note of the record at `end`, now durable, and of the place after it. */
  grow(next: Place): void {
    assert(next.seq === this.#end.seq + 1, `${this.path}: record ${next.seq} noted after ${this.#end.seq}`);
    const last = this.#index.at(-1);
    if (last === undefined || this.#end.offset - last.offset >= INDEX_STRIDE_BYTES) this.#index.push(this.#end);
    this.#end = next;
  }

  /** Records from `fromSeq` on, at least one and else as many as fit; checked again. Throws `damaged`, or the host's error. */
  read(fromSeq: number, bytesMax: number): JournalRecord[] {
    assert(fromSeq >= this.firstSeq && fromSeq < this.#end.seq, `${this.path}: has no record ${fromSeq}`);
    const from = this.#indexBefore(fromSeq);
    const start = this.#index[from] as Place;
    const reach = (this.#index[from + 1] ?? this.#end).offset + bytesMax;
    const end = this.#index.find(({ offset }, at) => at > from && offset >= reach) ?? this.#end;
    const records: JournalRecord[] = [];
    let bytesCount = 0;
    const scanned = scanRecords(this.#load(start.offset, end.offset), start, this.path, ({ seq }, content) => {
      if (seq < fromSeq) return true;
      bytesCount += content.length;
      if (records.length > 0 && bytesCount > bytesMax) return false;
      records.push({ seq, bytes: Uint8Array.from(content) });
      return true;
    });
    if (scanned.kind === "incomplete")
      throw new DamageError({ file: this.path, ...scanned.next, what: "it has become shorter" });
    return records;
  }

  /** CRC of the record before `seq`, which may be the one before the first or the one that comes next. Throws `damaged`. */
  crcBefore(seq: number): number {
    assert(seq >= this.firstSeq && seq <= this.#end.seq, `${this.path}: has no place of record ${seq}`);
    if (seq === this.#end.seq) return this.#end.previousCrc;
    const from = this.#indexBefore(seq);
    const start = this.#index[from] as Place;
    const end = (this.#index[from + 1] ?? this.#end).offset;
    let crc = start.previousCrc;
    scanRecords(this.#load(start.offset, end), start, this.path, (place) => {
      crc = place.previousCrc;
      return place.seq < seq;
    });
    return crc;
  }

  /** Index of the last place at or before `seq`. */
  #indexBefore(seq: number): number {
    let low = 0;
    let high = this.#index.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#index[middle] as Place).seq <= seq) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #load(from: number, to: number): Buffer {
    const bytes = Buffer.allocUnsafe(to - from);
    const fd = openSync(this.path, "r");
    try {
      let done = 0;
      while (done < bytes.length) {
        const count = readSync(fd, bytes, done, bytes.length - done, from + done);
        if (count === 0)
          throw new DamageError({
            file: this.path,
            offset: from + done,
            what: `the file ends here, but reached to ${to}`,
          });
        done += count;
      }
    } finally {
      closeSync(fd);
    }
    return bytes;
  }
}

/** A whole segment in memory. Throws `damaged` when it is absent or its header is, `version`, or the host's error. */
export function loadSegment(
  file: string,
  firstSeq: number,
): { readonly bytes: Buffer; readonly header: ReturnType<typeof decodeHeader> } {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new DamageError({ file, offset: 0, seq: firstSeq, what: "the segment that begins with it is missing" });
  }
  return { bytes, header: decodeHeader("segment", bytes, file) };
}

/**
 * Checks all records of a loaded segment, and shows each to `visit`. Throws `damaged`. `isIncomplete`: the bytes end
 * within the record at `segment.end`.
 */
export function scanSegment(
  file: string,
  { bytes, header }: ReturnType<typeof loadSegment>,
  visit: (place: Place, content: Buffer) => void,
): { readonly segment: Segment; readonly isIncomplete: boolean } {
  const start: Place = { seq: header.firstSeq, offset: header.bytesCount, previousCrc: header.previousCrc };
  const segment = new Segment(file, start);
  let isFirst = true;
  const scanned = scanRecords(bytes.subarray(header.bytesCount), start, file, (place, content) => {
    if (!isFirst) segment.grow(place);
    isFirst = false;
    visit(place, content);
    return true;
  });
  if (!isFirst) segment.grow(scanned.next);
  return { segment, isIncomplete: scanned.kind === "incomplete" };
}

/**
 * Makes a segment that has no records yet, and returns it with its file, open for writing. It gets its name only when its
 * header is durable: so a segment with an incomplete header is damage, never a crash in between.
 */
export async function createSegment(
  fs: FileSystem,
  path: string,
  header: Header,
): Promise<{ readonly segment: Segment; readonly fd: number }> {
  const bytes = encodeHeader("segment", header);
  const fd = await replaceFile(fs, path, bytes);
  const place = { seq: header.firstSeq, offset: bytes.length, previousCrc: header.previousCrc };
  return { segment: new Segment(path, place), fd };
}
