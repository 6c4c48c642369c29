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
import { type FileSystem, SyncError, syncData, writeAll } from "./file-system.ts";
import { crcOf, encodeRecord, RECORD_HEAD_BYTES, segmentName } from "./format.ts";
import { createSegment, type Segment } from "./segment.ts";

/** What is written and synced in one go at most; bounds the copy that is made for it. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;

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
  readonly repairs: readonly Repair[];
  /** Leaves a mark in the directory: never open this again. */
  readonly markFailed: (reason: string) => void;
  /** Gives the directory back. */
  readonly release: () => void;
}

/** A {@link Journal} in a directory of segments. At most one write and one sync are under way at any time. */
export class FileJournal implements Journal {
  /** What was cut off at opening; for the log. */
  readonly repairs: readonly Repair[];
  readonly #parts: FileJournalParts;
  #fd: number;
  /** Encoded. Invariant: record `durableSeq + 1 + i` at index i. */
  #unflushed: Buffer[] = [];
  #unflushedBytes = 0;
  /** CRC of the newest appended record. */
  #lastCrc: number;
  #durableSeq: number;
  /** Newest record that a flush was asked for. Invariant: askedSeq <= writtenSeq. */
  #askedSeq: number;
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
    this.#lastCrc = this.#lastSegment.end.previousCrc;
    this.#durableSeq = this.#lastSegment.end.seq - 1;
    this.#askedSeq = this.#durableSeq;
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
    if (this.#writing === undefined && this.#durableSeq < this.#askedSeq) this.#writing = this.#writeAsked();
  }

  onDurable(listener: (durableSeq: number) => void): void {
    this.#onDurable = listener;
  }

  onFailure(listener: (error: JournalError) => void): void {
    this.#onFailure = listener;
  }

  read(fromSeq: number, bytesMax: number): readonly JournalRecord[] {
    this.#assertOpen();
    assert(Number.isInteger(fromSeq) && fromSeq >= 1, `read from record ${fromSeq}: they count from 1`);
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
    closeSync(this.#fd);
    this.#parts.release();
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

  /** Until all that was asked for is durable: one batch after the other, each with whatever has come meanwhile. */
  async #writeAsked(): Promise<void> {
    while (this.#failure === undefined && this.#durableSeq < this.#askedSeq) {
      const count = await this.#writeBatch().catch((error: unknown) => void this.#fail(error));
      if (count === undefined || this.#failure !== undefined) break;
      this.#settle(count);
      // Outside of any catch: what a listener throws is not the disk's fault and ends the process.
      this.#onDurable(this.#durableSeq);
    }
    this.#writing = undefined;
  }

  /** Writes and syncs the oldest unflushed records; resolves with how many they are. */
  async #writeBatch(): Promise<number> {
    const { fileSystem, segmentBytesMax } = this.#parts;
    const first = this.#unflushed[0] as Buffer;
    if (!this.#lastSegment.isEmpty && this.#lastSegment.end.offset + first.length > segmentBytesMax)
      await this.#nextSegment();
    const { offset } = this.#lastSegment.end;
    const room = Math.min(BATCH_BYTES_MAX, segmentBytesMax - offset);
    let bytesCount = first.length;
    let count = 1;
    for (; count < this.#unflushed.length; count++) {
      const { length } = this.#unflushed[count] as Buffer;
      if (bytesCount + length > room) break;
      bytesCount += length;
    }
    const batch = count === 1 ? first : Buffer.concat(this.#unflushed.slice(0, count), bytesCount);
    await writeAll(fileSystem, this.#fd, batch, offset);
    await syncData(fileSystem, this.#fd);
    return count;
  }

  async #nextSegment(): Promise<void> {
    const { dir, identity, fileSystem, segments } = this.#parts;
    const { seq, previousCrc } = this.#lastSegment.end;
    const path = join(dir, segmentName(seq));
    const { segment, fd } = await createSegment(fileSystem, path, { identity, firstSeq: seq, previousCrc });
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
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (cause instanceof SyncError) this.#parts.markFailed(reason);
    const failure =
      cause instanceof JournalError
        ? cause
        : new JournalError(
            "io",
            `${this.#parts.dir}: the journal takes nothing more after record ${this.#durableSeq}: ${reason}`,
            {
              cause,
            },
          );
    this.#failure = failure;
    setImmediate(() => this.#onFailure(failure));
    return failure;
  }
}
