import { closeSync, openSync, readSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { assert, type JournalRecord } from "@halon/runtime";
import { type FileSystem, syncData, syncDir, writeAll } from "./file-system.ts";
import { damaged, encodeSegmentHeader, type Place, type SegmentHeader, scanRecords } from "./format.ts";

/** One place of the index per so many bytes: memory for reading is bounded, and a reader checks little that it skips. */
const INDEX_STRIDE_BYTES = 64 * 1024;

export const UNFINISHED_SUFFIX = ".unfinished";

/** One file of the journal and what is known of it. It grows by whole, durable records. */
export class Segment {
  readonly path: string;
  readonly firstSeq: number;
  readonly #headerBytes: number;
  /** Invariant: ascending, at least {@link INDEX_STRIDE_BYTES} apart; the first is the first record. */
  readonly #index: Place[] = [];
  /** Where the next record goes. */
  #end: Place;

  constructor(path: string, firstRecord: Place) {
    this.path = path;
    this.firstSeq = firstRecord.seq;
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
    if (scanned.kind === "incomplete") throw damaged(`${this.path}: record ${scanned.next.seq}: it has become shorter`);
    return records;
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
        if (count === 0) throw damaged(`${this.path}: offset ${from + done}: the file ends here, but reached to ${to}`);
        done += count;
      }
    } finally {
      closeSync(fd);
    }
    return bytes;
  }
}

/**
 * Makes a segment that has no records yet, and returns it with its file, open for writing. It gets its name only when its
 * header is durable: so a segment with an incomplete header is damage, never a crash in between.
 */
export async function createSegment(
  fs: FileSystem,
  path: string,
  header: SegmentHeader,
): Promise<{ readonly segment: Segment; readonly fd: number }> {
  const bytes = encodeSegmentHeader(header);
  const unfinished = `${path}${UNFINISHED_SUFFIX}`;
  const fd = openSync(unfinished, "w+");
  try {
    await writeAll(fs, fd, bytes, 0);
    await syncData(fs, fd);
    renameSync(unfinished, path);
    await syncDir(fs, dirname(path));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const place = { seq: header.firstSeq, offset: bytes.length, previousCrc: header.previousCrc };
  return { segment: new Segment(path, place), fd };
}
