import { closeSync } from "node:fs";
import { join } from "node:path";
import {
  AssertionError,
  assert,
  type Journal,
  JournalError,
  type JournalRecord,
  RECORD_BYTES_MAX,
} from "@halon/runtime";
import { batchOf } from "./batch.ts";
import { failureOf } from "./failure.ts";
import { type FileSystem, SyncError, syncData, writeAll } from "./file-system.ts";
import { crcOf, encodeRecord, RECORD_HEAD_BYTES, segmentName } from "./format.ts";
import { type EndMark, markFailed } from "./marks.ts";
import type { Reserve } from "./reserve.ts";
import { createSegment, type Segment } from "./segment.ts";
import { Trimmer } from "./trimming.ts";

/** An incomplete last record that was cut off at opening: it was never reported as durable. */
export interface Repair {
  readonly file: string;
  readonly offset: number;
  readonly seq: number;
  readonly bytesCut: number;
}

export interface FileJournalParts {
  readonly dir: string;
  readonly identity: string;
  readonly fileSystem: FileSystem;
  readonly segmentBytesMax: number;
  readonly unflushedBytesMax: number;
  /** In order, at least one. */
  readonly segments: Segment[];
  /** Of the last segment, open for writing. */
  readonly fd: number;
  readonly endMark: EndMark;
  readonly reserve: Reserve;
  readonly repairs: readonly Repair[];
  /** Gives the directory back. */
  readonly release: () => void;
}

/**
 * A {@link Journal} in a directory of segments. At most one write or sync of records is under way at any time; trimming goes
 * on beside it.
 */
export class FileJournal implements Journal {
  /** What was cut off at opening; for the log. */
  readonly repairs: readonly Repair[];
  readonly #parts: FileJournalParts;
  readonly #trimmer: Trimmer;
  #fd: number;
  /** Encoded. Invariant: record `durableSeq + 1 + i` at index i. */
  #unflushed: Buffer[] = [];
  #unflushedBytes = 0;
  /** CRC of the newest appended record. */
  #lastCrc: number;
  #durableSeq: number;
  /** Newest record that a flush was asked for. Invariant: askedSeq <= writtenSeq. */
  #askedSeq: number;
  /** What is needed shall not share a segment with what is not, from here on. */
  #rollAsked = false;
  /** Settles when nothing more is being written; undefined when nothing is. */
  #writing: Promise<void> | undefined;
  #failure: JournalError | undefined;
  #closing: Promise<void> | undefined;
  #onDurable: (durableSeq: number) => void = () => undefined;
  #onFailure: (error: JournalError) => void = () => undefined;

  constructor(parts: FileJournalParts) {
    this.#parts = parts;
    this.repairs = parts.repairs;
    this.#fd = parts.fd;
    this.#trimmer = new Trimmer({ ...parts, onError: (error) => void this.#fail(error) });
    this.#lastCrc = this.#lastSegment.end.previousCrc;
    this.#durableSeq = this.#lastSegment.end.seq - 1;
    this.#askedSeq = this.#durableSeq;
  }

  get firstSeq(): number {
    return (this.#parts.segments[0] as Segment).firstSeq;
  }

  /** Of its segments: neither the reserve nor the small marks. */
  get bytesCount(): number {
    const durable = this.#parts.segments.reduce((sum, { end }) => sum + end.offset, 0);
    return durable + this.#unflushedBytes + this.#trimmer.bytesCount;
  }

  /** The disk has run full, and the reserve is given up or was never made: trim, and say so. */
  get isLow(): boolean {
    return this.#parts.reserve.isLow;
  }

  get writtenSeq(): number {
    return this.#durableSeq + this.#unflushed.length;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  append(record: Uint8Array): number {
    this.#assertOpen();
    if (this.#failure !== undefined) throw this.#failure;
    if (record.length > RECORD_BYTES_MAX)
      throw new JournalError("too-large", `record of ${record.length} bytes: at most ${RECORD_BYTES_MAX} are taken`);
    if (this.#unflushedBytes + record.length + RECORD_HEAD_BYTES > this.#parts.unflushedBytesMax) {
      const what = `${this.#unflushed.length} records wait for the disk, which is too slow or not flushed (unflushedBytesMax ${this.#parts.unflushedBytesMax})`;
      throw this.#fail(new Error(what));
    }
    const seq = this.writtenSeq + 1;
    const encoded = encodeRecord(seq, record, this.#lastCrc);
    this.#lastCrc = crcOf(encoded);
    this.#unflushed.push(encoded);
    this.#unflushedBytes += encoded.length;
    return seq;
  }

  flush(): void {
    if (this.#closing !== undefined || this.#failure !== undefined) return;
    this.#askedSeq = this.writtenSeq;
    this.#startWriting();
  }

  /** Each call that gives something back begins a new segment and costs some syncs: meant for now and then. */
  trim(beforeSeq: number): void {
    this.#assertOpen();
    assert(
      Number.isInteger(beforeSeq) && beforeSeq >= 1 && beforeSeq <= this.#durableSeq + 1,
      `trim before record ${beforeSeq}: ${this.#durableSeq} are durable`,
    );
    if (this.#failure !== undefined) return;
    if (beforeSeq > this.#lastSegment.firstSeq) this.#rollAsked = true;
    this.#trimmer.trim(beforeSeq);
    this.#startWriting();
  }

  onDurable(listener: (durableSeq: number) => void): void {
    this.#onDurable = listener;
  }

  onFailure(listener: (error: JournalError) => void): void {
    this.#onFailure = listener;
  }

  /**
   * `listener(why)` each time the disk has run full and the reserve was given up: there is room for the reserve's bytes, to
   * trim and say so. One listener. What was so at opening is in {@link isLow}.
   */
  onLow(listener: (why: string) => void): void {
    this.#parts.reserve.onLow(listener);
  }

  read(fromSeq: number, bytesMax: number): readonly JournalRecord[] {
    this.#assertOpen();
    assert(
      Number.isInteger(fromSeq) && fromSeq >= this.firstSeq,
      `read from ${fromSeq}: ${this.firstSeq} is the first`,
    );
    const records: JournalRecord[] = [];
    let bytesLeft = bytesMax;
    for (let next = fromSeq; next <= this.writtenSeq; ) {
      const piece = this.#readPiece(next, Math.max(0, bytesLeft));
      for (const record of piece) {
        bytesLeft -= record.bytes.length;
        if (records.length > 0 && bytesLeft < 0) return records;
        records.push(record);
      }
      next += piece.length;
    }
    return records;
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.flush();
      this.#closing = this.#finish();
    }
    return this.#closing;
  }

  get #lastSegment(): Segment {
    return this.#parts.segments.at(-1) as Segment;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new JournalError("closed", `${this.#parts.dir}: the journal is closed`);
  }

  async #finish(): Promise<void> {
    await this.#writing;
    await this.#trimmer.stop();
    const { endMark, release } = this.#parts;
    if (this.#failure === undefined) await endMark.sync().catch((error: unknown) => void this.#fail(error));
    endMark.close();
    closeSync(this.#fd);
    release();
  }

  get #hasToWrite(): boolean {
    return this.#rollAsked || this.#durableSeq < this.#askedSeq;
  }

  #startWriting(): void {
    if (this.#writing === undefined && this.#hasToWrite) this.#writing = this.#writeAsked();
  }

  /** Some records from one place: a segment, or the unflushed ones. At least one. */
  #readPiece(seq: number, bytesMax: number): readonly JournalRecord[] {
    if (seq > this.#durableSeq) {
      const encoded = this.#unflushed[seq - this.#durableSeq - 1] as Buffer;
      return [{ seq, bytes: Uint8Array.from(encoded.subarray(RECORD_HEAD_BYTES)) }];
    }
    const segment = this.#parts.segments.findLast(({ firstSeq }) => firstSeq <= seq) as Segment;
    try {
      return segment.read(seq, bytesMax);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Until all that was asked for is done: one batch after the other, each with whatever has come meanwhile. */
  async #writeAsked(): Promise<void> {
    while (this.#failure === undefined && this.#hasToWrite) {
      if (this.#rollAsked) {
        await this.#roll().catch((error: unknown) => void this.#fail(error));
        continue;
      }
      const count = await this.#writeBatch().catch((error: unknown) => void this.#fail(error));
      if (count === undefined || this.#failure !== undefined) break;
      this.#settle(count);
      // Outside of any catch: what a listener throws is not the disk's fault and ends the process.
      this.#onDurable(this.#durableSeq);
    }
    this.#writing = undefined;
  }

  /** So that the segment that was the last one can go with the next trim, if not with this one. */
  async #roll(): Promise<void> {
    this.#rollAsked = false;
    if (this.#lastSegment.isEmpty) return;
    await this.#nextSegment();
    this.#trimmer.resume();
  }

  /** Writes and syncs the oldest unflushed records; resolves with how many they are. */
  async #writeBatch(): Promise<number> {
    const { fileSystem, segmentBytesMax, reserve, endMark } = this.#parts;
    const first = this.#unflushed[0] as Buffer;
    if (!this.#lastSegment.isEmpty && this.#lastSegment.end.offset + first.length > segmentBytesMax)
      await this.#nextSegment();
    const { offset } = this.#lastSegment.end;
    const { batch, count, last } = batchOf(this.#unflushed, segmentBytesMax - offset);
    await reserve.spend(() => writeAll(fileSystem, this.#fd, batch, offset));
    await syncData(fileSystem, this.#fd);
    const end = { seq: this.#durableSeq + count, crc: crcOf(last) };
    await reserve.spend(() => endMark.write(end));
    return count;
  }

  async #nextSegment(): Promise<void> {
    const { dir, identity, fileSystem, segments, reserve } = this.#parts;
    const { seq, previousCrc } = this.#lastSegment.end;
    const path = join(dir, segmentName(seq));
    const header = { identity, firstSeq: seq, previousCrc };
    const { segment, fd } = await reserve.spend(() => createSegment(fileSystem, path, header));
    closeSync(this.#fd);
    this.#fd = fd;
    segments.push(segment);
  }

  /** The oldest `count` unflushed records are durable now. */
  #settle(count: number): void {
    for (const encoded of this.#unflushed.splice(0, count)) {
      const { seq, offset } = this.#lastSegment.end;
      this.#lastSegment.grow({ seq: seq + 1, offset: offset + encoded.length, previousCrc: crcOf(encoded) });
      this.#unflushedBytes -= encoded.length;
    }
    this.#durableSeq += count;
    assert(
      this.#lastSegment.end.seq === this.#durableSeq + 1 && this.#durableSeq <= this.writtenSeq,
      `durable ${this.#durableSeq}, written ${this.writtenSeq}, end ${this.#lastSegment.end.seq}`,
    );
  }

  /** The journal takes nothing more, whatever it was: what is on disk is not known any longer. Tells once, from outside. */
  #fail(cause: unknown): JournalError {
    if (cause instanceof AssertionError) throw cause;
    if (this.#failure !== undefined) return this.#failure;
    if (cause instanceof SyncError) markFailed(this.#parts.dir, cause.message);
    const failure = failureOf(cause, this.#parts.dir, this.#durableSeq);
    void this.#trimmer.stop();
    this.#failure = failure;
    setImmediate(() => this.#onFailure(failure));
    return failure;
  }
}
